"""Contents that wait in one temporary file until a layer is written."""

import hashlib
import os
from typing import BinaryIO

from modelkiln.archives.tar import Entry
from modelkiln.digest import iter_chunks

__all__ = ["Spool"]


class Spool:
    """Contents, one after the other in `stream`, a file; each can be opened as often as needed.

    Reading and adding may happen at the same time, in several threads.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._end = stream, 0

    def add(self, path: str, content: BinaryIO, executable: bool = False) -> Entry:
        """Return the entry at `path` of what is left of `content`."""
        start, hasher = self._end, hashlib.sha256()
        for chunk in iter_chunks(content):
            hasher.update(chunk)
            self._write(chunk)
        size = self._end - start
        return Entry(
            path, size=size, executable=executable, sha256=hasher.hexdigest(),
            open=lambda: _Slice(self._stream, start, size),
        )  # fmt: skip

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self._stream.fileno(), rest, self._end)
            rest = rest[written:]
            self._end += written


class _Slice:
    """One content of a spool, as a stream."""

    def __init__(self, stream: BinaryIO, start: int, size: int) -> None:
        self._stream, self._position, self._end = stream, start, start + size

    def __enter__(self) -> "_Slice":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def read(self, size: int = -1) -> bytes:
        left = self._end - self._position
        data = os.pread(self._stream.fileno(), left if size < 0 else min(size, left), self._position)
        self._position += len(data)
        return data
