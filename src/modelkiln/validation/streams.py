"""The bytes of a layer as the validator reads them: each is hashed once, and copied only where it is wanted."""

import hashlib
import os
import re
import tarfile
import threading
import zlib
from concurrent.futures import Executor, Future
from typing import Any, BinaryIO, Optional

__all__ = ["CORES", "Counted", "Forward", "busy_core", "decompressed", "read_errors"]

_CHUNK = 1 << 20
# Less is hashed sooner than another thread has taken it.
_WORTH_A_THREAD = 1 << 16
# The compression is what follows `tar` in a media type (OCI image-spec 1.1, media-types.md).
_ENDING = re.compile(r"\.tar(?:\+(?P<compression>[a-z]+))?$")

# RFC 8878, section 3.1.1. What begins with a frame to skip is taken for a tar by engines that look for this alone.
_ZSTD = bytes.fromhex("28b52ffd")

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
# Of cores with nothing to do: hashing and decompressing leave Python's lock.
_idle = threading.Semaphore(CORES)


class busy_core:
    """A context in which a core counts as one that works, if there was one without work."""

    def __enter__(self) -> None:
        self._is_counted = _idle.acquire(blocking=False)

    def __exit__(self, *ended: object) -> None:
        if self._is_counted:
            _idle.release()


class _Hasher:
    """A sha256 that is computed beside its caller where a core has nothing to do, and by the caller elsewhere."""

    def __init__(self, pool: Executor) -> None:
        self._pool, self._sha256 = pool, hashlib.sha256()
        self._pending: Optional[Future] = None

    def update(self, data: bytes) -> None:
        """Take bytes, when those before have been hashed."""
        self._wait()
        if len(data) >= _WORTH_A_THREAD and _idle.acquire(blocking=False):
            self._pending = self._pool.submit(self._hash, data)
        else:
            self._sha256.update(data)

    def _hash(self, data: bytes) -> None:
        try:
            self._sha256.update(data)
        finally:
            _idle.release()

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    def hexdigest(self) -> str:
        """Of all bytes."""
        self._wait()
        return self._sha256.hexdigest()


class Counted:
    """A stream that hashes and counts what is read."""

    def __init__(self, stream: BinaryIO, pool: Executor) -> None:
        self._stream, self._hasher, self.size = stream, _Hasher(pool), 0

    def read(self, size: int = -1) -> bytes:
        """Read as the stream below does, a piece at most."""
        data = self._stream.read(_CHUNK if size < 0 else size)
        self._hasher.update(data)
        self.size += len(data)
        return data

    def drain(self) -> None:
        """Read up to the end."""
        while self.read():
            pass

    @property
    def digest(self) -> str:
        """Of what was read."""
        return "sha256:" + self._hasher.hexdigest()


class Forward:
    """A file for tarfile that goes forward in a stream: what is passed over is hashed, and copied nowhere.

    It goes back by a piece at most: tarfile looks at a member's last byte again before it goes on.
    """

    def __init__(self, stream: Counted) -> None:
        self._stream, self._position = stream, 0
        self._headers = bytearray()
        # The two pieces that were read last, and where the later one begins.
        self._before, self._piece, self._start = b"", b"", 0

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def seek(self, position: int) -> int:
        """Go to `position`, or to the end where that comes first; raises tarfile.StreamError for a way back."""
        if position < self._start - len(self._before):
            raise tarfile.StreamError("an entry lies before those that were read")
        while position > self._start + len(self._piece) and self._advance():
            pass
        self._position = min(position, self._start + len(self._piece))
        return self._position

    def read(self, size: int) -> bytes:
        """Return `size` bytes, fewer at the end."""
        parts = []
        while size > 0 and (part := self.some(size)):
            parts.append(part)
            size -= len(part)
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self._headers += data
        return data

    def headers(self) -> bytes:
        """Return what was taken with `read`, as tarfile takes headers, since this was called before."""
        data = bytes(self._headers)
        self._headers.clear()
        return data

    def some(self, size: int) -> bytes:
        """Return up to `size` bytes that are at hand, of a whole piece without a copy; b"" at the end."""
        if self._position == self._start + len(self._piece) and not self._advance():
            return b""
        offset = self._position - self._start
        part = self._before[offset:][:size] if offset < 0 else self._piece[offset : offset + size]
        self._position += len(part)
        return part

    def end_of_content(self, start: int) -> int:
        """Read to the end, and return where the last byte is that is not zero, of those from `start` on; else
        `start`."""
        end = position = self.seek(start)
        while piece := self.some(_CHUNK):
            if piece != bytes(len(piece)):  # Quicker than `rstrip`, which looks at each zero for itself.
                end = position + len(piece.rstrip(b"\0"))
            position += len(piece)
        return end

    def _advance(self) -> bool:
        data = self._stream.read(_CHUNK)
        if data:
            self._start += len(self._piece)
            self._before, self._piece = self._piece, data
        return bool(data)


class _Gunzip:
    """A readable stream of what gzip members in a stream hold; trailing bytes are an error."""

    def __init__(self, stream: Counted) -> None:
        self._stream, self._zip = stream, zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._rest = b""

    def read(self, size: int) -> bytes:
        while True:
            if self._zip.eof:
                self._rest = self._zip.unused_data or self._stream.read(_CHUNK)
                if not self._rest:
                    return b""
                self._zip = zlib.decompressobj(16 + zlib.MAX_WBITS)
            self._rest = self._rest or self._stream.read(_CHUNK)
            if not self._rest:
                raise EOFError("gzip stream ends early")
            data = self._zip.decompress(self._rest, size)
            self._rest = self._zip.unconsumed_tail
            if data:
                return data


class _Begun:
    """A stream of which some bytes were read. begin: these."""

    def __init__(self, stream: Counted, size: int) -> None:
        self._stream, self.begin = stream, b""
        while len(self.begin) < size and (data := stream.read(size - len(self.begin))):
            self.begin += data
        self._left = self.begin

    def read(self, size: int) -> bytes:
        data, self._left = self._left or self._stream.read(size), b""
        return data


def decompressed(blob: Counted, media_type: str, pool: Executor) -> Counted:
    """Return the tar in a layer's blob: the blob itself where it is not compressed; raises ValueError."""
    match = _ENDING.search(media_type)
    compression = match["compression"] if match else "unknown"
    if compression is None:
        return blob
    if compression == "gzip":
        unzipped: Any = _Gunzip(blob)
        return Counted(unzipped, pool)
    if compression == "zstd":
        import zstandard

        compressed: Any = _Begun(blob, len(_ZSTD))  # It reads, and is nothing else of a file.
        if compressed.begin != _ZSTD:
            raise ValueError("it does not begin with a frame of zstd")
        reader = zstandard.ZstdDecompressor().stream_reader(compressed, read_size=_CHUNK, read_across_frames=True)
        return Counted(reader, pool)
    raise ValueError("its compression is not known")


def read_errors() -> tuple[type[Exception], ...]:
    """Return what reading a damaged layer raises."""
    import zstandard

    return tarfile.TarError, EOFError, zlib.error, ValueError, zstandard.ZstdError
