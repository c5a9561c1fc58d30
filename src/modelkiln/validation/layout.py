"""Recomputes every digest, size, diff ID and reference of a layout.

It shares no code with what writes layouts, see `images`.
"""

import os
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping, Optional

from modelkiln.document import read_document
from modelkiln.layer import Layer
from modelkiln.layers.recipe import is_available_locally, open_layer
from modelkiln.store.store import Store
from modelkiln.validation.findings import BlobMissing, CheckedImage, Issue, LayerMemory, Opening
from modelkiln.validation.images import Manifests

__all__ = ["Issue", "check_layout", "validate_layout"]

# What others put next to them: docker, containerd and regctl list images for `docker load`, and oras has a folder for
# blobs that it is getting.
_OF_OTHERS = ("manifest.json", "repositories")
_INGEST = "ingest"
# Gets numbers of bytes.
Count = Callable[[int], None]


def validate_layout(
    path: os.PathLike,
    store: Optional[Store] = None,
    record: Optional[Mapping[str, Any]] = None,
    complete: bool = False,
    layers: Iterable[Layer] = (),
    progress: Optional[Count] = None,
) -> list[Issue]:
    """Return all issues of the layout at `path`; empty when all is as it should be.

    store: where blobs that the layout does not hold are looked up. record: the package's record
    as it lies in dist/, which the one inside of the image must equal. complete: the layout must
    hold every blob itself; otherwise one that is nowhere gives a note. layers: those that the
    record lists; one of weights is read from its files in the store. progress: gets the number of
    bytes of each piece that is read.
    """
    layout = _Layout(Path(path), store, complete, layers, progress)
    return _check(layout, Manifests(layout.open_blob, record))[0]


def check_layout(
    path: os.PathLike,
    store: Optional[Store] = None,
    record: Optional[Mapping[str, Any]] = None,
    layers: Iterable[Layer] = (),
    memory: Optional[LayerMemory] = None,
    progress: Optional[Count] = None,
) -> tuple[list[Issue], list[CheckedImage]]:
    """Return the issues and the images of a layout; arguments: see `validate_layout`.

    What is the same by a layer's diff ID is not hashed file by file. memory: of layers that were read before.
    """
    layout = _Layout(Path(path), store, False, layers, progress)
    return _check(layout, Manifests(layout.open_blob, record, trusts_diff_ids=True, memory=memory))


def _check(layout: "_Layout", manifests: Manifests) -> tuple[list[Issue], list[CheckedImage]]:
    version = manifests.parse(layout.read_file("oci-layout", manifests), "oci-layout")
    if version is not None and version.get("imageLayoutVersion") != "1.0.0":
        got = version.get("imageLayoutVersion")
        manifests.report("oci-layout", [f"imageLayoutVersion: got {got!r}, want '1.0.0'."])
    index = manifests.parse(layout.read_file("index.json", manifests), "index.json")
    if index is not None:
        manifests.check_index(index, "index.json")
    layout.check_files(manifests)
    return manifests.issues, manifests.images


class _Counted:
    """A blob whose bytes are reported as they are read."""

    def __init__(self, stream: Any, progress: Count) -> None:
        self._stream, self._progress = stream, progress

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._progress(len(data))
        return data

    def __enter__(self) -> Any:
        self._stream.__enter__()
        return self

    def __exit__(self, *ended: Any) -> None:
        self._stream.__exit__(*ended)


class _Layout:
    """A layout's files. referenced: names of the blobs that were asked for."""

    def __init__(
        self,
        root: Path,
        store: Optional[Store],
        complete: bool,
        layers: Iterable[Layer],
        progress: Optional[Count] = None,
    ) -> None:
        self._root, self._store, self._complete, self._progress = root, store, complete, progress
        self._layers = {layer.descriptor.digest: layer for layer in layers}
        self._referenced: set[str] = set()

    def read_file(self, name: str, manifests: Manifests) -> Optional[bytes]:
        """Return a file at the layout's top; None, reported, when it is not there."""
        try:
            return read_document(self._root / name)
        except ValueError as error:
            manifests.report(name, [f"cannot be read: {error}, want a file."])
            return None
        except OSError as error:
            manifests.report(name, [f"got no such file ({error.strerror}), want one in an OCI layout."])
            return None

    def open_blob(self, descriptor: Mapping[str, Any]) -> Opening:
        """Return what opens a blob of the layout or the store; raises BlobMissing."""
        opening, progress = self._opening(descriptor), self._progress
        return opening if progress is None else lambda: _Counted(opening(), progress)

    def _opening(self, descriptor: Mapping[str, Any]) -> Opening:
        digest = descriptor["digest"]
        self._referenced.add(digest[7:])
        path = self._root / "blobs" / "sha256" / digest[7:]
        if path.is_file():
            return partial(path.open, "rb")
        if self._complete:
            raise BlobMissing("is missing, want it in the layout.")
        layer = self._layers.get(digest)
        if self._store is not None and layer is not None and is_available_locally(layer, self._store):
            return partial(open_layer, layer, self._store)
        if self._store is not None and self._store.path(digest).is_file():
            return partial(self._store.path(digest).open, "rb")
        raise BlobMissing("not checked, it is not here.", is_note=True)

    def check_files(self, manifests: Manifests) -> None:
        """Report files that nothing refers to: left over, or put there by somebody."""
        allowed = {"oci-layout", "index.json", "blobs", *_OF_OTHERS}
        allowed |= set() if self._names(_INGEST) else {_INGEST}
        for folder, want in (("", allowed), ("blobs", {"sha256"})):
            for name in self._names(folder) - want:
                manifests.report(f"{folder}/{name}".lstrip("/"), ["is not a part of an OCI layout, want it gone."])
        for name in sorted(self._names("blobs/sha256") - self._referenced):
            manifests.report(f"blobs/sha256/{name}", ["nothing refers to it, want it gone."])

    def _names(self, folder: str) -> set[str]:
        try:
            return set(os.listdir(self._root / folder))
        except OSError:
            return set()
