"""Layers' blobs as the tars that they are: hashed on the way, decompressed as they are read."""

import gzip
import hashlib
from typing import Any, BinaryIO, Tuple, Type

from modelkiln.descriptor import COMPRESSED_LAYER
from modelkiln.digest import CHUNK
from modelkiln.errors import ModelkilnError

__all__ = ["HashingReader", "damage_errors", "decompressed"]


class HashingReader:
    """A readable stream that hashes and counts what passes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._hasher, self.size = stream, hashlib.sha256(), 0

    def read(self, size: int = -1) -> bytes:
        """Read as the stream below does."""
        data = self._stream.read(size)
        self._hasher.update(data)
        self.size += len(data)
        return data

    @property
    def digest(self) -> str:
        """The digest of all bytes read so far."""
        return "sha256:" + self._hasher.hexdigest()


def decompressed(blob: Any, media_type: str, where: str) -> Any:
    """Return a readable stream of the tar in `blob`, whose media type names its compression."""
    if media_type == COMPRESSED_LAYER["none"]:
        return blob
    if media_type == COMPRESSED_LAYER["gzip"]:
        return gzip.GzipFile(fileobj=blob, mode="rb")
    if media_type == COMPRESSED_LAYER["zstd"]:
        import zstandard

        return zstandard.ZstdDecompressor().stream_reader(blob, read_size=CHUNK, read_across_frames=True)
    raise ModelkilnError(f"{where}: media type {media_type!r} is not one of {', '.join(COMPRESSED_LAYER.values())}.")


def damage_errors() -> Tuple[Type[Exception], ...]:
    """Return what reading a damaged compressed stream raises."""
    import zlib

    import zstandard

    return EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError
