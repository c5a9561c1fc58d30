"""Layers of weights that are never stored twice: a file of the store as it is, or a tar around several."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Callable, Iterable, Mapping, Optional

from modelkiln.archives.tar import Entry
from modelkiln.archives.tar_stream import TarStream
from modelkiln.checks.allowed import NOTHING, Allowed
from modelkiln.conventions import MODELS_FOLDER
from modelkiln.descriptor import LAYER, Descriptor
from modelkiln.digest import iter_chunks, sha256_stream
from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer
from modelkiln.recipe import WEIGHTS, WEIGHTS_FILE, Recipe
from modelkiln.store.file_index import FileIndex
from modelkiln.store.files import StoredFile, find_stored
from modelkiln.store.store import Store
from modelkiln.weights.lock import WeightsLock

if TYPE_CHECKING:
    from modelkiln.checks.check import Options

__all__ = [
    "build",
    "fetch",
    "file_layer",
    "layer_of",
    "locked_layers",
    "open_layer",
    "stream_from_source",
    "recipe",
    "stored",
]

_FIELDS = ("path", "sha256", "size", "version", "locator", "chunks")


def recipe(
    title: str,
    prefix: str,
    files: Iterable[Mapping[str, Any]],
    source: Mapping[str, Any],
    allowed: Allowed = NOTHING,
) -> Recipe:
    """Return the recipe of an uncompressed layer that holds `files` below `prefix`.

    files: objects with path (relative), sha256 (hex) and size (bytes), each a blob of the store,
    and with the version and locator that its source knows it by, and its chunks, see `chunks`.
    source: where missing ones are fetched from, as a weights lock has it. allowed: what their target
    allows; files that may do more are not made a layer of.
    """
    return Recipe.made_by(
        WEIGHTS,
        {
            "title": title,
            "prefix": prefix,
            "files": sorted(({key: file[key] for key in _FIELDS if key in file} for file in files), key=_path),
            "source": dict(source),
            "layer": None,
            **allowed.to_json(),
        },
    )


def file_layer(title: str, file: Mapping[str, Any], media_type: str, recipe: Recipe) -> Layer:
    """Return the layer that is one file as it is, of a blob that its sha256 names already.

    recipe: of a layer that has `file`, one of its files, among others.
    """
    descriptor = Descriptor(media_type, f"sha256:{file['sha256']}", file["size"])
    inputs = {
        "title": title,
        "prefix": MODELS_FOLDER,
        "files": [{key: file[key] for key in _FIELDS if key in file}],
        "source": dict(recipe["source"]),
        "layer": descriptor.to_json(),
        **Allowed.from_json(recipe).to_json(),
    }
    return Layer.of_plain("weights", title, descriptor, Recipe.made_by(WEIGHTS_FILE, inputs))


def _path(file: Mapping[str, Any]) -> str:
    return file["path"]


def layer_of(recipe: Recipe, descriptor: Descriptor) -> Layer:
    """Return the layer of a recipe whose descriptor is known, reading nothing."""
    return Layer.of_plain("weights", recipe["title"], descriptor, Recipe.of({**recipe, "layer": descriptor.to_json()}))


def locked_layers(lock: WeightsLock, title: str, allowed: Allowed = NOTHING) -> tuple[Layer, ...]:
    """Return the layers of a weights lock, in order, without reading a byte of them; see `recipe`."""
    by_path = {file.path: file for file in lock.files}
    layers = []
    for number, locked in enumerate(lock.layers, 1):
        files = [by_path[path].to_json() for path in locked.files]
        name = f"{title} ({number} of {len(lock.layers)})" if len(lock.layers) > 1 else title
        weights_recipe = recipe(name, MODELS_FOLDER, files, lock.source, allowed)
        layers.append(layer_of(weights_recipe, Descriptor(LAYER, locked.digest, locked.size)))
    return tuple(layers)


def build(recipe: Recipe, store: Store, sources: Optional[Path] = None) -> Layer:
    """Put the recipe's files into `store` where they are missing, and return the layer.

    sources: a folder with some of them, by their paths; the others come from the recipe's source.
    The layer's bytes are read only when the recipe lacks its descriptor.
    """
    for file in recipe["files"] if sources is not None else ():
        _add_file(file, sources / file["path"], store)
    found = fetch(recipe, store)
    if recipe["layer"]:
        return layer_of(recipe, Descriptor.from_json(recipe["layer"], recipe["title"]))
    with _stream(recipe, found) as stream:
        digest, size = sha256_stream(stream)
    return layer_of(recipe, Descriptor(LAYER, digest, size))


def _add_file(file: Mapping[str, Any], path: Path, store: Store) -> None:
    digest = f"sha256:{file['sha256']}"
    if path.is_file() and not store.has(digest, file["size"]):
        with store.writer(digest) as blob, path.open("rb") as stream:
            for chunk in iter_chunks(stream):
                blob.write(chunk)


def fetch(recipe: Recipe, store: Store) -> dict[str, StoredFile]:
    """Put the recipe's files that `store` lacks into it, from the recipe's source; see `stored`.

    Who wrote the lock that pins them may have checked nothing. They are checked here, each content once on a
    machine; raises ModelkilnError for one that is broken or not allowed.
    """
    found = stored(recipe, store)
    missing = [file for file in recipe["files"] if file["sha256"] not in found]
    if missing:
        from modelkiln.sources.fetch import fetch_files  # Half of a step's start, and most find all files.

        fetch_files(recipe["source"], missing, store, recipe["title"])
        found = stored(recipe, store)
    from modelkiln.weights.formats import check_held

    check_held(recipe["files"], found, _options(recipe), FileIndex(store.root))
    return found


def _options(recipe: Recipe) -> "Options":
    from modelkiln.checks.check import Options

    return Options.of(recipe["title"], Allowed.from_json(recipe))


def stored(recipe: Recipe, store: Store) -> dict[str, StoredFile]:
    """Return sha256 (hex) -> where it lies, of the recipe's files that `store` has."""
    is_tar = recipe.packer == WEIGHTS
    layer = Descriptor.from_json(recipe["layer"], recipe["title"]) if recipe["layer"] and is_tar else None
    return find_stored(recipe["files"], store, recipe["prefix"], layer)


def open_layer(recipe: Recipe, store: Store) -> BinaryIO:
    """Open the layer for reading; missing files are fetched first, and all are checked. Contents are not hashed."""
    found, layer = fetch(recipe, store), recipe["layer"]
    if layer and store.has(layer["digest"], layer["size"]):
        return store.open(layer["digest"])
    return _stream(recipe, found)


def stream_from_source(recipe: Recipe, store: Store, env: Mapping[str, str]) -> BinaryIO:
    """Open the layer with the files that `store` lacks read from their source, past the disk.

    env: the machine's settings, see `load_machine_env`. Files that this machine has not checked are checked
    first, at their source, and must be the same as they pass. Nothing is hashed: the caller knows the digest.
    """
    from modelkiln.sources.fetch import source_opener
    from modelkiln.weights.formats import checked_opener

    open_at, found = source_opener(recipe["source"], env), stored(recipe, store)
    options, index = _options(recipe), FileIndex(store.root)

    def entry(file: Mapping[str, Any]) -> Entry:
        here = found.get(file["sha256"])
        opener = checked_opener(file, partial(open_at, file), options, index) if here is None else here.open
        return _entry(recipe["prefix"], file, opener if here else lambda: _Forward(opener()))

    if recipe.packer == WEIGHTS_FILE:
        return entry(recipe["files"][0]).open()
    return TarStream(map(entry, recipe["files"]), recipe["title"])


class _Forward:
    """A stream of a source that is read from its beginning, and counts its position."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._position = stream, 0

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int) -> int:
        raise ModelkilnError(f"a source cannot be read from byte {offset} on; read it from its beginning.")

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._position += len(data)
        return data

    def close(self) -> None:
        self._stream.close()


def _stream(recipe: Recipe, found: Mapping[str, StoredFile]) -> BinaryIO:
    files = recipe["files"]
    if recipe.packer == WEIGHTS_FILE:
        return found[files[0]["sha256"]].open()
    return TarStream((_entry(recipe["prefix"], file, found[file["sha256"]].open) for file in files), recipe["title"])


def _entry(prefix: str, file: Mapping[str, Any], open_file: Callable[[], Any]) -> Entry:
    return Entry(f"{prefix}/{file['path']}", size=file["size"], sha256=file["sha256"], open=open_file)
