"""What lies in a PEX beside its wheels: a package's own files, and the weights that the store has."""

import os
from pathlib import Path
from typing import Any, Iterable, Iterator, Mapping, Sequence

from modelkiln.conventions import PEX_MODELS
from modelkiln.errors import ModelkilnError
from modelkiln.recipe import Recipe
from modelkiln.store.store import Store

__all__ = [
    "BOOTSTRAP",
    "DEPENDENCIES",
    "INFO",
    "MAIN",
    "RESERVED",
    "SCRIPT",
    "check_packed",
    "check_source",
    "check_stored",
    "is_packed",
    "list_sources",
    "stored_files",
    "weights_paths",
]

# What Pex has at the top of a PEX (pex/layout.py): its own modules, in a zip file where the PEX is packed; the wheels;
# what describes the PEX and what starts it; and a link to that in one that is packed.
BOOTSTRAP, DEPENDENCIES, INFO, MAIN, SCRIPT = ".bootstrap", ".deps", "PEX-INFO", "__main__.py", "pex"
RESERVED = (BOOTSTRAP, DEPENDENCIES, INFO, MAIN, "__pex__")


def is_packed(path: Path) -> bool:
    """Whether a packed PEX lies at `path`."""
    return (path / INFO).is_file()


def list_sources(sources: Path) -> list[str]:
    """Return the paths of all files below `sources`, sorted; raises ModelkilnError for what a PEX cannot carry."""
    found = []
    for folder, folders, names in os.walk(sources):
        for name in [*names, *(name for name in folders if os.path.islink(os.path.join(folder, name)))]:
            path = Path(folder, name)
            relative = path.relative_to(sources).as_posix()
            check_source(relative, not path.is_symlink() and path.is_file())
            found.append(relative)
    return sorted(found)


def check_source(path: str, is_file: bool, reserved: Iterable[str] = RESERVED) -> None:
    """Refuse (ModelkilnError) what Pex would lose or replace. reserved: names that it has at the top of a PEX."""
    if not is_file:
        raise ModelkilnError(f"{path}: is a link or no regular file; a PEX holds files. Refused.")
    if path.endswith((".pyc", ".pyo")) or path.split("/")[0] in reserved:
        raise ModelkilnError(
            f"{path}: Pex leaves out byte code and writes {', '.join(reserved)} itself. Rename the file."
        )


def check_packed(path: str, is_file: bool) -> None:
    """Refuse (ModelkilnError) a package's file that a packed PEX cannot carry."""
    check_source(path, is_file, (*RESERVED, SCRIPT))


def weights_paths(recipes: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return where a PEX has the files of layers of weights, by the layers' recipes."""
    return [f"{PEX_MODELS}/{file['path']}" for recipe in map(Recipe.of, recipes) for file in recipe["files"]]


def stored_files(recipes: Sequence[Mapping[str, Any]], store: Store, scratch: Path) -> Iterator[tuple[str, Path, str]]:
    """Yield where a PEX has each of these files, where it lies, in the store or taken out of it to `scratch`, and the
    sha256 (hex) that it has to have: see `check_stored`."""
    if not recipes:
        return
    # Half of what a changed line costs a process, and hardly any PEX needs it.
    from modelkiln.layers import weights

    scratch.mkdir()
    for recipe in map(Recipe.of, recipes):
        found = weights.fetch(recipe, store)
        for file in recipe["files"]:
            path = scratch / file["sha256"]
            stored = found[file["sha256"]]
            if stored.start is None:
                path = Path(os.path.realpath(stored.blob))  # No second name: a smoke test may be loading it.
            elif not path.exists():
                stored.put(path)
            yield f"{PEX_MODELS}/{file['path']}", path, file["sha256"]


def check_stored(path: str, file: Path, sha256: str, actual: str) -> None:
    """Raise ModelkilnError where the file at `file`, which a PEX gets at `path`, has another sha256 (hex)."""
    if actual != sha256:
        raise ModelkilnError(
            f"{file}: is not the file {path} with sha256 {sha256}. It is damaged: run `modelkiln store verify`, and "
            "try again."
        )
