"""Where the bytes of model artifact files lie in the store: a blob each, or many in one blob.

Small files of a lock are read into one blob, a tar of them (see `store.file_tar`): a blob for each would
take longer than reading it. When such a tar is their layer's, the layer's recipe records where in it
they are; else `store.file_index` does, and files that neither records any more are fetched again.
"""

import hashlib
import io
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Iterable, Mapping, Optional

from modelkiln.archives.tar import Entry, sorted_entries, tar_header, tar_padding
from modelkiln.descriptor import Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.runtime.weights.view import external_data, share_blocks
from modelkiln.store.store import Store

__all__ = ["StoredFile", "data_files", "find_stored", "link_file"]


@dataclass(frozen=True)
class StoredFile:
    """A file of `size` bytes and `sha256` (hex). start: of its first byte in the blob at the path
    `blob`, or None for a blob that is this very file."""

    blob: str
    sha256: str
    size: int
    start: Optional[int] = None

    def open(self) -> BinaryIO:
        """Open it for reading; the stream can seek. Contents are not checked."""
        if self.start is None:
            return open(self.blob, "rb")  # noqa: SIM115
        return io.BytesIO(self.read())

    def read(self) -> bytes:
        """Return the content of a small file; shorter where its blob is damaged."""
        file = os.open(self.blob, os.O_RDONLY)
        try:
            return os.pread(file, self.size, self.start or 0)
        finally:
            os.close(file)

    def put(self, target: Path) -> None:
        """Put the file at `target`, which does not exist, without copying a blob where the file
        system allows. It must not be written to; its mode forbids it."""
        if self.start is None:
            link_file(Path(self.blob), target)
            return
        data = self.read()
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise ModelkilnError(
                f"{self.blob}: has no file with sha256 {self.sha256} at byte {self.start}. It is damaged: run "
                "`modelkiln store verify`, and try again."
            )
        target.write_bytes(data)
        target.chmod(0o444)

    def hold(self, target: Path, can_mount: bool) -> bool:
        """As `put`, for loaders that refuse files with several names (see `modelkiln.runtime.weights.view`).

        can_mount: whether the caller can mount the blob over `target`, which is then an empty file; returns
        whether it has to. Without that, and where the file system shares no blocks, the blob is copied.
        """
        if self.start is not None:
            self.put(target)
            return False
        if share_blocks(self.blob, target):
            target.chmod(0o444)
            return False
        if can_mount and os.stat(self.blob).st_nlink == 1:
            target.touch(0o444)
            return True
        _copy(Path(self.blob), target)
        return False


def data_files(files: Mapping[str, StoredFile]) -> set[str]:
    """Return the paths of those of `files`, by path in one folder, that are external data of ONNX models among them."""
    return external_data(files, lambda path: files[path].open() if files[path].start is None else files[path].read())


def find_stored(
    files: Iterable[Mapping[str, Any]], store: Store, prefix: str = "", layer: Optional[Descriptor] = None
) -> dict[str, StoredFile]:
    """Return sha256 -> where it lies, of those of `files` that `store` has.

    files: objects with path, sha256 (hex) and size (bytes). layer: of the tar of exactly these
    files below `prefix`, where it is known.
    """
    listed = list(files)
    if layer is not None and store.has(layer.digest, layer.size):
        return _in_layer(listed, prefix, os.fspath(store.path(layer.digest)))
    found = {}
    for file in listed:
        if store.has(f"sha256:{file['sha256']}", file["size"]):
            sha256 = file["sha256"]
            found[sha256] = StoredFile(os.fspath(store.path(f"sha256:{sha256}")), sha256, file["size"])
    missing = [file for file in listed if file["sha256"] not in found]
    if missing:
        found.update(_in_tars(missing, store))
    return found


def _in_layer(files: Iterable[Mapping[str, Any]], prefix: str, blob: str) -> dict[str, StoredFile]:
    by_entry = {f"{prefix}/{file['path']}": file for file in files}
    entries = sorted_entries((Entry(path, size=file["size"]) for path, file in by_entry.items()), prefix)
    found, position = {}, 0
    for entry in entries:
        position += len(tar_header(entry))
        if entry.kind == "file":
            sha256 = by_entry[entry.path]["sha256"]
            found[sha256] = StoredFile(blob, sha256, entry.size, position)
            position += entry.size + len(tar_padding(entry.size))
    return found


def _in_tars(files: Iterable[Mapping[str, Any]], store: Store) -> dict[str, StoredFile]:
    from modelkiln.store.file_index import FileIndex  # Most processes of a build have blobs only.

    sizes = {file["sha256"]: file["size"] for file in files}
    blobs: dict[str, str] = {}
    found = {}
    for sha256, (digest, start, size) in FileIndex(store.root).get_tar_members(sizes).items():
        if digest not in blobs:
            blobs[digest] = os.fspath(store.path(digest)) if store.has(digest) else ""
        if blobs[digest] and size == sizes[sha256]:
            found[sha256] = StoredFile(blobs[digest], sha256, size, start)
    return found


def link_file(blob: Path, target: Path) -> None:
    """Put a blob at `target`, which does not exist, without copying it where the file system allows.

    The file is the blob itself and must not be written to; its mode forbids it. A blob that a view holds gets
    no second name, for which loaders would refuse it there.
    """
    if not os.path.islink(blob):
        with suppress(OSError):
            os.link(blob, target)
            return
    if share_blocks(blob, target):
        target.chmod(0o444)
    else:
        _copy(blob, target)


def _copy(blob: Path, target: Path) -> None:
    shutil.copyfile(blob, target)
    target.chmod(0o444)
