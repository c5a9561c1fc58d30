"""Layers made of a folder's files: inference code and model artifact files."""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any, Iterable, Mapping, Optional

from modelkiln.bytecode import bytecode_recipe, compile_entries, host_packages
from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer, pack_to_store
from modelkiln.store import Store
from modelkiln.tar import Entry

__all__ = ["build", "file_entries", "recipe"]

PACKER = "files/1"


def recipe(
    kind: str,
    title: str,
    prefix: str,
    compression: str,
    files: Iterable[Mapping[str, Any]],
    python: str = "",
    interpreter: str = "",
) -> dict:
    """Return the recipe of a layer that holds `files` below `prefix`.

    files: objects with path (relative), sha256 (hex) and size (bytes). python ("3.11") and
    interpreter (see `bytecode.bytecode_recipe`) are given for byte code.
    """
    byte_code = {"python": python, "bytecode": bytecode_recipe(interpreter)} if interpreter else {}
    return {
        **byte_code,
        "packer": PACKER,
        "kind": kind,
        "title": title,
        "prefix": prefix,
        "compression": compression,
        "files": sorted((dict(file) for file in files), key=lambda file: file["path"]),
    }


def build(recipe: Mapping[str, Any], store: Store, sources: Optional[Path] = None) -> Layer:
    """Pack the recipe's files, found below `sources`, into a blob of `store`."""
    title = recipe["title"]
    if sources is None:
        raise ModelkilnError(
            f"{title}: its layer is not in the store {store.root}, and its source files are not at "
            "hand here. Package the target again in its repository (`pants package`)."
        )
    entries = file_entries(recipe, sources)
    with tempfile.TemporaryDirectory(prefix="modelkiln-") as scratch:
        if recipe.get("bytecode"):
            entries += _byte_code(recipe, entries, store, Path(scratch))
        packed = pack_to_store(entries, recipe["compression"], store, title)
    return Layer.of(recipe["kind"], title, packed, recipe)


def _byte_code(recipe: Mapping[str, Any], entries: list[Entry], store: Store, scratch: Path) -> Iterable[Entry]:
    packages = host_packages(recipe["bytecode"])
    return compile_entries(entries, recipe["prefix"], recipe["python"], packages, store, scratch).values()


def file_entries(recipe: Mapping[str, Any], sources: Path) -> list[Entry]:
    """Return the entries of a files recipe; contents are checked while they are packed."""
    return [_entry(recipe["prefix"], file, sources / file["path"]) for file in recipe["files"]]


def _entry(prefix: str, file: Mapping[str, Any], path: Path) -> Entry:
    # Modes are not taken over: git keeps the run bit, but archives, umasks and file systems do
    # not, and nothing in these layers is started by its own name.
    return Entry(
        f"{prefix}/{file['path']}",
        size=file["size"],
        sha256=file["sha256"],
        open=partial(path.open, "rb"),
    )
