"""What is checked: the bytes of a file, or of a member of an archive in a file.

Contents may be larger than memory. They are read forward in small pieces, and what does not matter
is skipped.
"""

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterator, Optional

from modelkiln.errors import ModelkilnError

__all__ = ["MAX_READ", "Content", "Reader", "is_natural"]

# No header or opcode's argument that has to be looked at is larger; what is larger is skipped.
MAX_READ = 1 << 20
_BLOCK = 1 << 18
_AHEAD = 1 << 14
# A member of a compressed file has to lie on disk before it can be read as an archive.
_MAX_SPOOLED = 1 << 30


def is_natural(value: Any) -> bool:
    """Return whether `value` is a whole number from 0 on; True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


class Reader:
    """Reads a stream forward. `size` is its length in bytes, None where it is unknown before the end.

    A read or skip past the end raises EOFError.
    """

    def __init__(self, stream: BinaryIO, size: Optional[int], seekable: bool) -> None:
        self._stream, self.size, self._seekable = stream, size, seekable
        self._start = stream.tell() if seekable else 0
        self._buffer, self._at = b"", 0
        self.position = 0

    def peek(self, count: int) -> bytes:
        """Return up to `count` next bytes without taking them."""
        while len(self._buffer) - self._at < count:
            ahead = self._buffer[self._at :]
            wanted = max(count - len(ahead), _AHEAD)
            if self.size is not None:
                wanted = min(wanted, self.size - self.position - len(ahead))
            data = self._stream.read(wanted) if wanted > 0 else b""
            if not data:
                break
            self._buffer, self._at = ahead + data, 0
        return self._buffer[self._at : self._at + count]

    def read(self, count: int) -> bytes:
        """Return exactly `count` bytes, at most MAX_READ."""
        if count < 0 or count > MAX_READ:
            raise ValueError(f"{count} bytes in one piece")
        data = self.peek(count)
        if len(data) < count:
            raise EOFError
        self._at += count
        self.position += count
        return data

    def readline(self, limit: int) -> Optional[bytes]:
        """Take a line and return it without its end, None for one of more than `limit` bytes."""
        line, is_long = b"", False
        while True:
            data = self.peek(limit + 1)
            if not data:
                raise EOFError
            end = data.find(b"\n")
            if end >= 0:
                self.read(end + 1)
                return None if is_long else line + data[:end]
            is_long = len(data) > limit
            line = data
            self.read(len(data))

    def skip(self, count: int) -> None:
        """Pass over `count` bytes."""
        if count < 0:
            raise ValueError(f"{count} bytes")
        if self._seekable and self.size is not None and count > len(self._buffer) - self._at:
            if self.position + count > self.size:
                raise EOFError
            self.position += count
            self._buffer, self._at = b"", 0
            self._stream.seek(self._start + self.position)
            return
        while count:
            data = self.peek(min(count, _BLOCK))
            if not data:
                raise EOFError
            self.read(len(data))
            count -= len(data)

    def at_end(self) -> bool:
        """Return whether nothing follows."""
        return not self.peek(1)


@dataclass(frozen=True)
class Content:
    """Bytes under a name.

    where: the target, for messages. name: the file's path in the artifact, and after a colon the
    member's in an archive. open: gives a new stream at the first byte. size: bytes, None when not
    known. seekable: the stream can seek. depth: how many archives it lies in. data: all of it, where
    it is in memory.
    """

    where: str
    name: str
    open: Callable[[], BinaryIO]
    size: Optional[int]
    seekable: bool = True
    depth: int = 0
    data: Optional[bytes] = None

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """Open for reading forward."""
        with self.open() as stream:
            yield Reader(stream, self.size, self.seekable)

    def head(self, count: int) -> bytes:
        """Return the first bytes, at most `count`."""
        if self.data is not None:
            return self.data[:count]
        with self.reader() as reader:
            return reader.peek(count)

    def member(self, name: str, open: Callable[[], BinaryIO], size: Optional[int], seekable: bool) -> "Content":
        """Return the content of an archive's member."""
        return Content(self.where, f"{self.name}: {name}", open, size, seekable, self.depth + 1)

    @contextmanager
    def on_disk(self) -> Iterator["Content"]:
        """Give the same content as one that can seek."""
        if self.seekable:
            yield self
            return
        with tempfile.NamedTemporaryFile(prefix="modelkiln-") as file, self.reader() as reader:
            size = 0
            while data := reader.peek(_BLOCK):
                size += len(data)
                if size > _MAX_SPOOLED:
                    raise self.refuse(
                        f"is an archive of more than {_MAX_SPOOLED} bytes in a compressed file",
                        "Unpack it and give its files",
                    )
                file.write(reader.read(len(data)))
            file.flush()
            yield Content(self.where, self.name, partial(Path(file.name).open, "rb"), size, True, self.depth)  # type: ignore[arg-type]

    def refuse(self, what: str, remedy: str) -> ModelkilnError:
        """Return the error that names this content, what is wrong with it, and the remedy."""
        return ModelkilnError(f"{self.where}: {self.name}: {what}. {remedy}.")
