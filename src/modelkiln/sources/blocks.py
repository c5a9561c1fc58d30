"""A file at its source as a stream that can seek, of which only the blocks that are read are fetched.

Nothing shows that they are those of the file that was pinned. Therefore each block's digest is kept, and a
stream of the whole file can be held to what was seen.
"""

import hashlib
import io
from typing import BinaryIO, Callable, Dict, Optional

from modelkiln.digest import read_up_to
from modelkiln.errors import ModelkilnError
from modelkiln.network.http import NETWORK_ERRORS
from modelkiln.network.ranged_file import RangeReader

__all__ = ["Blocks"]

_BLOCK = 1 << 20
# What readers ask for at once: headers are mostly shorter.
_PIECE = 1 << 14


class Blocks:
    """Blocks of a file of `size` bytes. open_at: opens it from a byte on. name: for messages."""

    def __init__(self, open_at: Callable[[int], BinaryIO], size: int, name: str) -> None:
        self._open_at, self._size, self._name = open_at, size, name
        self._digests: Dict[int, bytes] = {}
        self._last, self._data = -1, b""
        # What comes after the last block is often wanted next.
        self._stream: Optional[BinaryIO] = None

    def open(self) -> BinaryIO:
        """Open the file; several streams share what was read last."""
        return io.BufferedReader(RangeReader(self._range, self._size), _PIECE)

    def close(self) -> None:
        """End the connection that is open."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def hold(self, stream: BinaryIO) -> BinaryIO:
        """Return the stream of the whole file `stream`, which raises ModelkilnError where it has another block."""
        return _Held(stream, self)  # type: ignore[return-value]

    def size_of(self, number: int) -> int:
        """Return how many bytes a block has, 0 for one past the end."""
        return max(0, min(_BLOCK, self._size - number * _BLOCK))

    def check(self, number: int, digest: bytes) -> None:
        """Raise ModelkilnError for a block that was read before and had another digest."""
        if self._digests.get(number, digest) != digest:
            raise ModelkilnError(f"{self._name}: was changed at its source while it was read. Try again.")

    def _range(self, start: int, stop: int) -> BinaryIO:
        parts = []
        for number in range(start // _BLOCK, (stop - 1) // _BLOCK + 1):
            first = number * _BLOCK
            parts.append(self._block(number)[max(0, start - first) : stop - first])
        return io.BytesIO(b"".join(parts))

    def _block(self, number: int) -> bytes:
        if number == self._last:
            return self._data
        try:
            if self._stream is None or number != self._last + 1:
                self.close()
                self._stream = self._open_at(number * _BLOCK)
            data = read_up_to(self._stream, self.size_of(number))
        except NETWORK_ERRORS as error:
            raise ModelkilnError(f"{self._name}: {error}. Try again.") from error
        if len(data) < self.size_of(number):
            raise EOFError(f"its source ends after {number * _BLOCK + len(data)} of {self._size} bytes")
        digest = hashlib.sha256(data).digest()
        self.check(number, digest)
        self._digests[number] = digest
        self._last, self._data = number, data
        return data


class _Held:
    """A stream that is read from its beginning, and must have the blocks whose digests are known."""

    def __init__(self, stream: BinaryIO, blocks: "Blocks") -> None:
        self._stream, self._blocks = stream, blocks
        self._number, self._hasher = 0, hashlib.sha256()
        self._left = blocks.size_of(0)

    def read(self, size: int = -1) -> bytes:
        """Read as the stream does; raises ModelkilnError before the end of a block that differs is given."""
        data = self._stream.read(size)
        view = memoryview(data)
        while view:
            # What is more than the file has is for the reader to refuse.
            piece = view[: self._left or len(view)]
            self._hasher.update(piece)
            self._left -= len(piece)
            if not self._left:
                self._blocks.check(self._number, self._hasher.digest())
                self._number, self._hasher = self._number + 1, hashlib.sha256()
                self._left = self._blocks.size_of(self._number)
            view = view[len(piece) :]
        return data

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()
