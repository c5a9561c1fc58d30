"""The files of a weights layer as they lie in the store, for callers that need files and not a tar."""

import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Iterator, Mapping, Optional

from modelkiln.conventions import MODELS_FOLDER
from modelkiln.digest import sha256_stream
from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer
from modelkiln.layers import weights
from modelkiln.machine.sandbox import can_run
from modelkiln.store.file_index import FileIndex
from modelkiln.store.files import StoredFile, data_files
from modelkiln.store.store import Store
from modelkiln.weights.layer_digest import encode_descriptor, layer_cache_key

__all__ = ["ModelsFolder", "models_folder", "stored_files"]


def stored_files(layer: Layer, store: Store) -> Optional[dict[str, StoredFile]]:
    """Return path in the layer -> where it lies for a layer of weights; None for another kind.

    Missing files are fetched. That they make the layer's digest is computed once on a machine, by
    the process that locks them or else here; the store has hashed each of them when it was written. Raises
    ModelkilnError for files that make another layer.
    """
    recipe = layer.recipe
    if recipe is None or not layer.is_virtual:
        return None
    where = weights.fetch(recipe, store)
    index, key = FileIndex(store.root), layer_cache_key(recipe["prefix"], recipe["files"])
    expected = encode_descriptor(layer.descriptor)
    if index.get_result(key) != expected:
        with weights.open_layer(recipe, store) as stream:
            found = sha256_stream(stream)
        if found != (layer.descriptor.digest, layer.descriptor.size):
            raise ModelkilnError(
                f"{layer.title}: its files make a layer with digest and size {found}, want "
                f"{(layer.descriptor.digest, layer.descriptor.size)}. A file in the store is damaged (`modelkiln "
                "store verify` finds it), or the lock was edited: lock and package again."
            )
        index.put_results([(key, expected)])
    return {f"{recipe['prefix']}/{file['path']}": where[file["sha256"]] for file in recipe["files"]}


@dataclass(frozen=True)
class ModelsFolder:
    """A folder of model artifact files. mounts: what has to be mounted over files of it (see `sandbox.with_mounts`),
    files of this machine by path in the folder."""

    path: Path
    mounts: Mapping[str, Path]


@contextmanager
def models_folder(layers: Iterable[Layer], store: Store, more: Optional[Path] = None) -> Iterator[ModelsFolder]:
    """A folder of model artifact files, as a package's `model`, until the block ends.

    Files of the layers are links to the store's where they are blobs, but for external data of ONNX models. more: a
    folder of further files.
    """
    roots, prefix = store.temporary_location("roots")
    with tempfile.TemporaryDirectory(dir=os.path.abspath(roots), prefix=prefix) as name:
        models = Path(name, MODELS_FOLDER)
        models.mkdir(mode=0o755)
        Path(name).chmod(0o755)
        files: dict[str, StoredFile] = {}
        for layer in layers:
            files.update(stored_files(layer, store) or {})
        for path in more.rglob("*") if more is not None else ():
            if path.is_file():
                place = f"{MODELS_FOLDER}/{path.relative_to(more).as_posix()}"
                files[place] = StoredFile(os.path.realpath(path), "", path.stat().st_size)
        data, mounts = data_files(files), {}
        for place, file in files.items():
            target = _place(name, place)
            if place not in data:
                file.put(target)
            elif file.hold(target, can_run() is None):
                mounts[place[len(MODELS_FOLDER) + 1 :]] = Path(os.path.realpath(file.blob))
        yield ModelsFolder(models, mounts)


def _place(root: str, path: str) -> Path:
    target = Path(root, path)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
