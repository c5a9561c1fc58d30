"""Lines of a text of any size, which is read forward."""

from typing import Iterator

from modelkiln.checks.content import Content
from modelkiln.checks.headers.header import MAX_KEYS, BadHeader

__all__ = ["read_lines"]

_BLOCK = 1 << 18
# A line has a token, or two.
_MAX_LINE = 1 << 16


def read_lines(content: Content) -> Iterator[tuple]:
    """Yield of each line its number, from 1 on, and its bytes without the end. Raises BadHeader for a long one."""
    rest, number = b"", 0
    with content.reader() as reader:
        while block := reader.peek(_BLOCK):
            lines = (rest + reader.read(len(block))).split(b"\n")
            rest = lines.pop()
            for line in lines:
                number += 1
                yield number, _checked(line, number)
            _checked(rest, number + 1)
    if rest:
        yield number + 1, rest


def _checked(line: bytes, number: int) -> bytes:
    if len(line) > _MAX_LINE or number > MAX_KEYS:
        raise BadHeader(f"line {number} has {len(line)} bytes; at most {MAX_KEYS} lines of {_MAX_LINE} bytes are read")
    return line[:-1] if line.endswith(b"\r") else line
