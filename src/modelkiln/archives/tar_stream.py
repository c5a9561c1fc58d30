"""A layer's tar as a stream that is never on disk: headers around files that lie elsewhere."""

import bisect
import io
from typing import BinaryIO, Iterable, Optional

from modelkiln.archives.tar import Entry, sorted_entries, tar_end, tar_header, tar_padding
from modelkiln.errors import ModelkilnError

__all__ = ["TarStream"]


class TarStream(io.RawIOBase):
    """A readable, seekable stream of the bytes that `write_tar` would write for `entries`.

    It opens one file at a time and holds nothing of it, so that a tar of any size costs a buffer.
    Seeking makes cut uploads resumable. Contents are not hashed here: the caller knows the
    tar's digest and checks it. A file that is shorter than its entry says raises ModelkilnError.
    """

    def __init__(self, entries: Iterable[Entry], where: str = "layer") -> None:
        super().__init__()
        self._where = where
        self._starts: list[int] = []
        self._parts: list[tuple[int, Optional[bytes], Optional[Entry]]] = []
        self.size = 0
        """Bytes of the whole tar."""
        for entry in sorted_entries(entries, where):
            self._add(tar_header(entry))
            if entry.kind == "file":
                self._add_file(entry)
                self._add(tar_padding(entry.size))
        self._add(tar_end())
        self._position = 0
        self._open: Optional[tuple[int, BinaryIO]] = None

    def _add(self, data: bytes) -> None:
        if data:
            self._starts.append(self.size)
            self._parts.append((len(data), data, None))
            self.size += len(data)

    def _add_file(self, entry: Entry) -> None:
        if entry.size:
            self._starts.append(self.size)
            self._parts.append((entry.size, None, entry))
            self.size += entry.size

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether it can seek: yes."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move, as files do, and return the new position."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer) -> int:
        """Fill `buffer` from the part at the position; 0 at the end."""
        chunk = self._next(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes of the part at the position as they are, without a copy; b"" at the end."""
        return self.readall() if size is None or size < 0 else self._next(size)

    def _next(self, size: int) -> bytes:
        if self._position >= self.size:
            return b""
        index = bisect.bisect_right(self._starts, self._position) - 1
        length, data, entry = self._parts[index]
        offset = self._position - self._starts[index]
        wanted = min(size, length - offset)
        chunk = self._read_file(index, entry, offset, wanted) if data is None else data[offset : offset + wanted]
        self._position += len(chunk)
        return chunk

    def _read_file(self, index: int, entry: Entry, offset: int, wanted: int) -> bytes:
        if self._open is None or self._open[0] != index:
            self._close_file()
            self._open = (index, entry.open())
        stream = self._open[1]
        if stream.tell() != offset:
            stream.seek(offset)
        chunk = stream.read(wanted)
        if not chunk:
            raise ModelkilnError(
                f"{self._where}: {entry.path!r} ends after {offset} of {entry.size} bytes. It is damaged or "
                "changed while it was read; run `modelkiln store verify` and fetch it again."
            )
        return chunk

    def _close_file(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def close(self) -> None:
        """Close the file that is being read."""
        if not self.closed:
            self._close_file()
        super().close()
