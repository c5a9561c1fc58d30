"""The part of UBJSON that XGBoost writes and reads, read forward as `json_stream` reads JSON.

Source: xgboost's src/common/json.cc and include/xgboost/json_io.h, UBJReader: lengths are always of the type L, numbers
are big endian, arrays of one type are `[$<type>#L<count>`.
"""

import struct
from typing import Any, Iterator

from modelkiln.checks.content import Reader
from modelkiln.checks.headers.header import BadHeader, Keys, ValueCount

__all__ = ["UbjsonStream"]

_NUMBERS = {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q", b"d": ">f", b"D": ">d"}
_CONSTANTS = {b"Z": None, b"T": True, b"F": False}
_LENGTH = struct.Struct(">cq")
_MAX_TEXT = 1 << 20
_MAX_DEPTH = 100


class UbjsonStream:
    """Reads one value; see `JsonStream`, which has the same methods."""

    def __init__(self, reader: Reader) -> None:
        self._reader, self._depth, self._values = reader, 0, ValueCount()

    def kind(self) -> str:
        """Return the marker of the next value: "{", "[", or that of a scalar."""
        return self._reader.peek(1).decode("latin-1")

    def members(self) -> Iterator[str]:
        """Yield the key of each member of an object; each key once."""
        keys = Keys()
        for _ in self._contents(b"{", b"}"):
            key = self._text("key")
            keys.add(key)
            yield key

    def items(self) -> Iterator[None]:
        """Yield before each item of an array whose items have types of their own."""
        following = self._reader.peek(2)[1:]
        if following == b"$":
            raise BadHeader(f"at byte {self._reader.position}, want an array whose items have types of their own")
        if following != b"#":
            yield from self._contents(b"[", b"]")
            return
        self._enter(b"[")
        for _ in range(self._count(1)):
            yield None
        self._depth -= 1

    def scalar(self) -> Any:
        """Return a text, a number, a boolean or None."""
        self._values.add()
        marker = self._reader.read(1)
        if marker == b"S":
            return self._text("text")
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        code = self._code(marker)
        return struct.unpack(code, self._reader.read(struct.calcsize(code)))[0]

    def skip(self) -> int:
        """Pass over a value; returns how many members or items it has, 0 for a scalar."""
        start = self._reader.peek(2)
        self._values.add()
        if start[:1] == b"{":
            return sum(self._skip_one() for _ in self.members())
        if start == b"[$":
            return self._skip_numbers()
        if start[:1] == b"[":
            return sum(self._skip_one() for _ in self.items())
        if start[:1] == b"S":
            self._reader.read(1)
            self._reader.skip(self._length("text"))
        else:
            self.scalar()
        return 0

    def finish(self) -> None:
        """Check that nothing follows."""
        if not self._reader.at_end():
            raise BadHeader(f"more follows its end at byte {self._reader.position}")

    def _skip_one(self) -> int:
        self.skip()
        return 1

    def _skip_numbers(self) -> int:
        self._reader.read(2)
        width = struct.calcsize(self._code(self._reader.read(1)))
        count = self._count(width)
        self._reader.skip(count * width)
        return count

    def _contents(self, opening: bytes, closing: bytes) -> Iterator[None]:
        self._enter(opening)
        while self._reader.peek(1) != closing:
            yield None
        self._reader.read(1)
        self._depth -= 1

    def _enter(self, opening: bytes) -> None:
        found = self._reader.read(1)
        if found != opening:
            raise BadHeader(f"at byte {self._reader.position - 1}, {found!r}: want {opening.decode()!r}")
        self._depth += 1
        self._values.add()
        if self._depth > _MAX_DEPTH:
            raise BadHeader(f"at byte {self._reader.position}, it is nested deeper than {_MAX_DEPTH} levels")

    def _count(self, width: int) -> int:
        """The number of items, of at least `width` bytes each, that follow `#`."""
        marker = self._reader.read(1)
        if marker != b"#":
            raise BadHeader(f"at byte {self._reader.position - 1}, {marker!r}: want '#' before a number of items")
        return self._length("array", width)

    def _text(self, what: str) -> str:
        length = self._length(what)
        if length > _MAX_TEXT:
            raise BadHeader(f"at byte {self._reader.position}, a {what} has {length} bytes, more than {_MAX_TEXT}")
        try:
            return self._reader.read(length).decode("utf-8")
        except UnicodeDecodeError:
            raise BadHeader(f"a {what} before byte {self._reader.position} is not UTF-8") from None

    def _length(self, what: str, width: int = 1) -> int:
        """A length whose items of `width` bytes fit into the file."""
        marker, length = _LENGTH.unpack(self._reader.read(_LENGTH.size))
        at = self._reader.position
        if marker != b"L" or length < 0:
            raise BadHeader(f"at byte {at - _LENGTH.size}, the length of a {what} is {length} of the type {marker!r}")
        if self._reader.size is not None and length * width > self._reader.size - at:
            raise BadHeader(f"at byte {at}, a {what} has {length} items, past the end of the file")
        return length

    def _code(self, marker: bytes) -> str:
        if marker not in _NUMBERS:
            raise BadHeader(f"at byte {self._reader.position - 1}, {marker!r} is not a type that XGBoost writes")
        return _NUMBERS[marker]
