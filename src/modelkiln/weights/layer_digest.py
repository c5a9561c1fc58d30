"""The digest of a layer of weights, from its files or from what a machine remembers."""

import hashlib
import json
import os
from typing import Any, Iterable, Mapping, Sequence

from modelkiln.archives.tar import Entry, sorted_entries, tar_end, tar_header, tar_padding
from modelkiln.canonical import canonical_json
from modelkiln.descriptor import LAYER, Descriptor
from modelkiln.digest import CHUNK
from modelkiln.errors import ModelkilnError
from modelkiln.recipe import WEIGHTS
from modelkiln.store.files import StoredFile

__all__ = ["LayerHash", "hash_layer", "layer_cache_key", "encode_descriptor"]


def layer_cache_key(prefix: str, files: Iterable[Mapping[str, Any]]) -> str:
    """Return the key under which a machine keeps which layer these files make (see `store.file_index`)."""
    listed = sorted([file["path"], file["size"], file["sha256"]] for file in files)
    return "layer " + hashlib.sha256(canonical_json([WEIGHTS, prefix, listed])).hexdigest()


def encode_descriptor(descriptor: Descriptor) -> str:
    """Return what is kept under `layer_cache_key`."""
    return json.dumps([descriptor.digest, descriptor.size])


class LayerHash:
    """The digest and size of a layer's tar, which is fed piece by piece."""

    def __init__(self) -> None:
        self._hasher, self._size = hashlib.sha256(), 0

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        self._hasher.update(data)
        self._size += len(data)

    def end(self) -> Descriptor:
        """Take what ends a tar, and return what it is."""
        self.update(tar_end())
        return Descriptor(LAYER, "sha256:" + self._hasher.hexdigest(), self._size)


def hash_layer(prefix: str, files: Sequence[tuple[str, StoredFile]], where: str) -> Descriptor:
    """Return the descriptor of the layer of `files`: (path, where it lies).

    Raises ModelkilnError for a file of another size.
    """
    places = {f"{prefix}/{path}": file for path, file in files}
    layer = LayerHash()
    for entry in sorted_entries((Entry(f"{prefix}/{path}", size=file.size) for path, file in files), where):
        layer.update(tar_header(entry))
        if entry.kind == "file":
            _hash_file(places[entry.path], entry, layer, where)
            layer.update(tar_padding(entry.size))
    return layer.end()


def _hash_file(place: StoredFile, entry: Entry, layer: LayerHash, where: str) -> None:
    # System calls without a stream around them: a layer may have thousands of small files.
    file, left, at = os.open(place.blob, os.O_RDONLY), entry.size, place.start or 0
    try:
        while left > 0:
            data = os.pread(file, min(CHUNK, left), at)
            if not data:
                raise ModelkilnError(
                    f"{where}: {entry.path!r}: its blob does not have {entry.size} bytes. It is damaged."
                )
            layer.update(data)
            left -= len(data)
            at += len(data)
    finally:
        os.close(file)
