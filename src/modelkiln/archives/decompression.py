"""Layers' blobs as the tars that they are: hashed on the way, decompressed as they are read."""

import gzip
import hashlib
import re
from typing import Any, BinaryIO, Optional, Tuple, Type

from modelkiln.digest import CHUNK
from modelkiln.errors import ModelkilnError

__all__ = ["HashingReader", "compression_of", "damage_errors", "decompressed"]

_TAR = re.compile(r"\.tar(?:[+.](?P<compression>[a-z]+))?$")


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


def compression_of(media_type: str) -> Optional[str]:
    """Return the compression of a tar with this media type, "none", "gzip" or "zstd"; None for what is not a tar.

    OCI, Docker and model-spec write it after `.tar`, with a plus or a dot.
    """
    match = _TAR.search(media_type)
    return (match["compression"] or "none") if match else None


def decompressed(blob: Any, media_type: str, where: str) -> Any:
    """Return a readable stream of the tar in `blob`, whose media type names its compression."""
    compression = compression_of(media_type)
    if compression == "none":
        return blob
    if compression == "gzip":
        return gzip.GzipFile(fileobj=blob, mode="rb")
    if compression == "zstd":
        import zstandard

        return zstandard.ZstdDecompressor().stream_reader(blob, read_size=CHUNK, read_across_frames=True)
    raise ModelkilnError(
        f"{where}: media type {media_type!r} is not one of a tar, plain or compressed with gzip or zstd. Copy it "
        "with a tool that keeps layers as they are, such as `oras copy`."
    )


def damage_errors() -> Tuple[Type[Exception], ...]:
    """Return what reading a damaged tar, compressed or not, raises."""
    import tarfile
    import zlib

    import zstandard

    return EOFError, gzip.BadGzipFile, tarfile.TarError, zlib.error, zstandard.ZstdError
