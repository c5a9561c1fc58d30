"""Layers made of a folder's files: inference code and model artifact files."""

import io
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterable, Mapping, Optional

from modelkiln.archives.spool import Spool
from modelkiln.archives.tar import Entry
from modelkiln.base.bytecode import compile_entries, host_packages
from modelkiln.conventions import CODE_FOLDER, MODELS_FOLDER
from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer
from modelkiln.layers.packing import pack, pack_to_store
from modelkiln.pinned_file import PinnedFile
from modelkiln.recipe import FILES, Recipe
from modelkiln.store.store import BlobWriter, Store

__all__ = ["SMALL_BYTES", "build", "build_small", "file_entries", "is_small", "recipe"]

# Files of up to this many bytes together are a layer without a process of its own: starting one
# takes longer than packing them, and compression would save less than an entry of the manifest costs.
SMALL_BYTES = 64 << 10

# Where the files of each kind lie in an image.
_FOLDERS = {"code": CODE_FOLDER, "weights": MODELS_FOLDER}


def recipe(
    kind: str,
    title: str,
    compression: str,
    files: Iterable[PinnedFile],
    byte_code: Optional[Mapping[str, Any]] = None,
) -> Recipe:
    """Return the recipe of a layer that holds `files` in the folder of its kind.

    byte_code: of code that is to be compiled: "python" ("3.11") and "bytecode" (see `base.bytecode.bytecode_recipe`).
    """
    return Recipe.made_by(
        FILES,
        {
            **(byte_code or {}),
            "kind": kind,
            "title": title,
            "prefix": _FOLDERS[kind],
            "compression": compression,
            "files": [file.to_json() for file in sorted(files, key=lambda file: file.path)],
        },
    )


def build(recipe: Recipe, store: Store, sources: Optional[Path] = None) -> Layer:
    """Pack the recipe's files, found below `sources`, into a blob of `store`."""
    title = recipe["title"]
    if sources is None:
        raise ModelkilnError(
            f"{title}: its layer is not in the store {store.root}, and its source files are not at "
            "hand here. Package the target again in its repository (`pants package`)."
        )
    entries = file_entries(recipe, sources)
    with tempfile.TemporaryFile() as scratch:
        if recipe.get("bytecode"):
            entries += _byte_code(recipe, entries, store, Spool(scratch))
        packed = pack_to_store(entries, recipe["compression"], store, title)
    return Layer.of(recipe["kind"], title, packed, recipe)


def is_small(recipe: Recipe) -> bool:
    """Whether `build_small` can make the layer of a recipe: few bytes, neither compiled nor compressed."""
    plain = recipe["compression"] == "none" and not recipe.get("bytecode")
    return plain and sum(file["size"] for file in recipe["files"]) <= SMALL_BYTES


def build_small(recipe: Recipe, contents: Mapping[str, bytes]) -> tuple[Layer, bytes]:
    """Return the layer of a small recipe and its bytes; the same that `build` makes.

    contents: the bytes of the recipe's files by their paths; they are checked against it.
    """
    entries = [_entry(recipe["prefix"], file, partial(io.BytesIO, contents[file["path"]])) for file in recipe["files"]]
    blob = io.BytesIO()
    packed = pack(entries, recipe["compression"], BlobWriter(blob), recipe["title"])
    return Layer.of(recipe["kind"], recipe["title"], packed, recipe), blob.getvalue()


def _byte_code(recipe: Recipe, entries: list[Entry], store: Store, spool: Spool) -> Iterable[Entry]:
    packages = host_packages(recipe["bytecode"])
    return compile_entries(entries, recipe["prefix"], recipe["python"], packages, store, spool).values()


def file_entries(recipe: Recipe, sources: Path) -> list[Entry]:
    """Return the entries of a files recipe; contents are checked while they are packed."""
    return [_entry(recipe["prefix"], file, partial((sources / file["path"]).open, "rb")) for file in recipe["files"]]


def _entry(prefix: str, file: Mapping[str, Any], open: Callable[[], BinaryIO]) -> Entry:
    # Modes are not taken over: git keeps the run bit, but archives, umasks and file systems do
    # not, and nothing in these layers is started by its own name.
    return Entry(
        f"{prefix}/{file['path']}",
        size=file["size"],
        sha256=file["sha256"],
        open=open,
    )
