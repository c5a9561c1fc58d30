"""A file of which some pieces have arrived, on disk, so that a later process goes on with it."""

import errno
import os

__all__ = ["PIECE", "Partial"]

# Bytes that are asked for at once: large beside a request's cost, small beside what a cut may cost.
PIECE = 16 << 20


class Partial:
    """`incoming/<hex>.part` with the bytes of `file` (a LazyFile), and `<hex>.done`: a line that
    holds sizes, then a byte for each piece, 1 when it is there. The file's lock must be held.

    pieces: how many there are. resumed: how many an earlier process left.
    """

    def __init__(self, store, file):
        self._store, self._file = store, file
        self.piece = file.chunks["size"] if file.chunks else PIECE
        self.pieces = -(-file.size // self.piece)
        self._part, self._map = store.incoming(f"{file.sha256}.part"), store.incoming(f"{file.sha256}.done")
        self._header = f"modelkiln 1 {self.piece} {file.size}\n".encode()
        try:
            self._open()
        except OSError as error:
            raise store.unwritable(error) from None
        self.resumed = sum(self.done)

    def _open(self):
        self.done = bytearray(self.pieces)
        try:
            known = self._map.read_bytes()
        except FileNotFoundError:
            known = b""
        marks = known[len(self._header) :]
        fits = known.startswith(self._header) and len(marks) == self.pieces
        if fits and self._part.exists():
            self.done[:] = marks
        else:
            self._map.write_bytes(self._header + bytes(self.pieces))
        self._data = os.open(self._part, os.O_RDWR | os.O_CREAT, 0o644)
        os.ftruncate(self._data, self._file.size)
        self._marks = os.open(self._map, os.O_RDWR)

    def missing(self):
        """The numbers of the pieces that are not there yet, in order."""
        return [index for index in range(self.pieces) if not self.done[index]]

    def span(self, index):
        """Where a piece starts and ends (exclusive), in bytes."""
        return index * self.piece, min((index + 1) * self.piece, self._file.size)

    def arrived(self):
        """How many bytes are there."""
        spans = (self.span(index) for index in range(self.pieces) if self.done[index])
        return sum(end - start for start, end in spans)

    def write(self, data, offset):
        """Write bytes at their place; raises PackageError when the disk takes no more."""
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(self._data, view, offset)
                view, offset = view[written:], offset + written
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EROFS):
                raise
            raise self._store.unwritable(error) from None

    def mark(self, index):
        """Remember that a piece is there."""
        self.done[index] = 1
        os.pwrite(self._marks, b"\1", len(self._header) + index)

    def read(self, size, offset):
        """Return up to `size` bytes at `offset`."""
        return os.pread(self._data, size, offset)

    def adopt(self):
        """Make it the blob of the store: it is whole, and verified."""
        os.fsync(self._data)
        self.close()
        try:
            self._store.adopt(self._part, self._file.sha256)
        except OSError as error:
            raise self._store.unwritable(error) from None
        self._map.unlink()

    def discard(self):
        """Remove all that has arrived."""
        self.close()
        self._part.unlink()
        self._map.unlink()

    def close(self):
        """Close its files; what has arrived stays."""
        if self._data is not None:
            os.close(self._data)
            os.close(self._marks)
            self._data = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
