"""Sdists from package indexes to the store, each kept by its hash alone."""

import json
from pathlib import Path
from typing import Any, Mapping, Sequence

from modelkiln.digest import hex_of, sha256_stream
from modelkiln.errors import ModelkilnError
from modelkiln.manifest.lock import Pin
from modelkiln.manifest.pip import index_lines, run_pip
from modelkiln.store.store import Store
from modelkiln.wheels.sdist import is_sdist

__all__ = ["EXTRA_OPTION", "check_extra_requirements", "ensure_sdist", "find_sdists"]

# What sdists are built with besides what they say themselves: a table, for those that say too little.
EXTRA_OPTION = "[modelkiln.extra_build_requirements]"

_PROGRAM = Path(__file__).absolute().with_name("programs") / "download_sdists.py"


def find_sdists(pins: Sequence[Pin], store: Store) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Put the sdists of pins into `store`, by one run of pip. Nothing of them is run.

    Returns by name what was found (name, version, filename and sha256, hex), and pip's reason where no
    index has one with a pinned hash, or where it is of a kind that is not built here.
    """
    found: dict[str, dict[str, str]] = {}
    if not pins:
        return found, {}
    with store.temporary_folder() as folder:
        problems = _download(pins, folder, store)
        for pin in pins:
            if pin.name in problems:
                continue
            (path,) = (folder / "sdists" / pin.name).iterdir()
            if not is_sdist(path.name):
                problems[pin.name] = f"its sdist {path.name} is neither a .tar.gz nor a .zip."
                continue
            with path.open("rb") as stream:
                digest, _ = sha256_stream(stream)
            store.move_in(path, digest)
            pinned = {"name": pin.name, "version": pin.version}
            found[pin.name] = {**pinned, "filename": path.name, "sha256": hex_of(digest)}
    return found, problems


def _download(pins: Sequence[Pin], folder: Path, store: Store) -> dict[str, str]:
    """Download sdists to `folder`/sdists/NAME/; returns why some are not there, by name."""
    (folder / "lock.txt").write_text(index_lines(store) + "".join(pin.line() for pin in pins))
    arguments = ["--no-binary=:all:", "--no-deps", "--require-hashes", "--dest=sdists", "--requirement=lock.txt"]
    result = run_pip([*arguments, "--no-cache-dir"], store, folder, program=[str(_PROGRAM)])
    try:
        return json.loads((folder / "sdists" / "failures.json").read_text("utf-8"))
    except OSError:
        names = ", ".join(str(pin) for pin in pins[:5])
        raise ModelkilnError(f"{names}: pip failed to look for sdists. It says: {result.errors}") from None


def ensure_sdist(sdist: Mapping[str, Any], store: Store) -> Path:
    """Return the path in `store` of an sdist (name, version, filename and sha256), fetched where it is missing."""
    digest = f"sha256:{sdist['sha256']}"
    if not store.holds(digest):
        _, problems = find_sdists([Pin(sdist["name"], sdist["version"], (sdist["sha256"],))], store)
        for problem in problems.values():
            raise ModelkilnError(
                f"{sdist['filename']}: cannot be fetched with the locked hash. pip says: {problem} Compile the lock "
                "again if an index replaced or withdrew the file."
            )
    return store.path(digest)


def check_extra_requirements(table: Any) -> dict[str, list[str]]:
    """Return the table, requirements by the name of a package (PEP 503); raises ModelkilnError for another value."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    found: dict[str, list[str]] = {}
    for name, requirements in table.items() if isinstance(table, Mapping) else (("", table),):
        is_list = isinstance(requirements, (list, tuple)) and all(isinstance(one, str) for one in requirements)
        if not name or not is_list:
            raise ModelkilnError(
                f"{EXTRA_OPTION} {name}: {requirements!r} is not a list of requirements, such as "
                '["setuptools<81", "numpy"].'
            )
        for one in requirements:
            try:
                Requirement(one)
            except InvalidRequirement as error:
                raise ModelkilnError(
                    f"{EXTRA_OPTION} {name}: {one!r} is not a requirement (PEP 508): {error}."
                ) from None
        found[canonicalize_name(name)] = sorted(requirements)
    return found
