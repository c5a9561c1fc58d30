"""Opcodes of a pickle with their arguments, read without holding large ones.

The opcodes and most arguments are those of the standard library's `pickletools`; its own `genops`
reads whole tensors into memory and joins the two lines of GLOBAL into one ambiguous text.
"""

import codecs
import pickletools
from typing import Any, Iterator, NamedTuple

from modelkiln.checks.content import Reader

__all__ = ["FIRST_BYTES", "LARGE", "BadPickle", "Halt", "Opcode", "may_start", "opcodes"]

# No name or number that a pickle means anything by is longer; longer values are data.
_MAX_ARGUMENT = 1024
_MAX_INDEX = 1 << 20
# Stands for an argument that was skipped.
LARGE = object()
_OPCODES = {info.code: info for info in pickletools.opcodes}
# The others take something from the stack, which is empty: every unpickler stops at them.
FIRST_BYTES = frozenset(code.encode("latin-1") for code, info in _OPCODES.items() if not info.stack_before)
_COUNTS = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
_LONGS = ("LONG1", "LONG4")
_UNICODE = ("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8")
_STRINGS = ("BINSTRING", "SHORT_BINSTRING")


class BadPickle(Exception):
    """The bytes are not a pickle that can be followed to its end."""


class Halt(BadPickle):
    """Every unpickler fails here, and no pickler writes such: perhaps the bytes were never meant as a pickle."""


class Opcode(NamedTuple):
    """An opcode's name as in pickletools, its argument (a pair of texts for GLOBAL and INST, LARGE
    where it was skipped), and its position in bytes."""

    name: str
    argument: Any
    position: int


def may_start(first: bytes) -> bool:
    """Return whether a pickle can start with the byte `first`, and an unpickler go on after it."""
    return first in FIRST_BYTES


def opcodes(reader: Reader) -> Iterator[Opcode]:
    """Yield opcodes up to STOP; raises BadPickle where they end or are not opcodes."""
    while True:
        position = reader.position
        try:
            code = reader.read(1)
            info = _OPCODES.get(code.decode("latin-1"))
            if info is None:
                raise Halt(f"byte {position} is {code!r}, which is not an opcode")
            argument = None if info.arg is None else _argument(reader, info)
        except EOFError:
            raise Halt(f"it ends at byte {reader.position}, before STOP") from None
        except (ValueError, OverflowError) as error:
            raise Halt(f"the opcode at byte {position}: {error}") from None
        yield Opcode(info.name, argument, position)
        if info.name == "STOP":
            return


def _argument(reader: Reader, info: Any) -> Any:
    kind = info.arg.n
    if kind >= 0:
        return info.arg.reader(reader)
    if kind == pickletools.UP_TO_NEWLINE:
        return _line(reader, info.name)
    width = _COUNTS[kind]
    signed = kind == pickletools.TAKEN_FROM_ARGUMENT4
    size = int.from_bytes(reader.read(width), "little", signed=signed)
    if size < 0:
        raise ValueError(f"an argument of {size} bytes")
    if size > _MAX_ARGUMENT:
        reader.skip(size)
        return LARGE
    data = reader.read(size)
    if info.name in _LONGS:
        return int.from_bytes(data, "little", signed=True)
    if info.name in _UNICODE:
        return data.decode("utf-8", "surrogatepass")
    # Unpicklers decode the byte strings of Python 2 as ASCII unless an option says otherwise.
    return data.decode("latin-1") if info.name in _STRINGS else data


def _line(reader: Reader, name: str) -> Any:
    line = reader.readline(_MAX_INDEX if name in ("GET", "PUT") else _MAX_ARGUMENT)
    if name in ("GLOBAL", "INST"):
        second = reader.readline(_MAX_ARGUMENT)
        return LARGE if line is None or second is None else (line.decode("utf-8"), second.decode("utf-8"))
    if line is None:
        return LARGE
    if name in ("GET", "PUT"):
        # Zeros in front count for nothing, however many there are.
        digits = line.strip().lstrip(b"0") or b"0"
        return LARGE if len(digits) > 20 and digits.isdigit() else int(digits)
    if name == "INT":
        return {b"00": False, b"01": True}[line] if line in (b"00", b"01") else int(line, 0)
    if name == "LONG":
        return int(line.rstrip(b"L"), 0)
    if name == "FLOAT":
        return float(line)
    if name == "UNICODE":
        return codecs.decode(line, "raw-unicode-escape")
    if name == "STRING":
        text = line.strip()
        if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in b"'\"":
            raise ValueError("a string without quotes")
        return codecs.escape_decode(text[1:-1])[0].decode("latin-1")  # type: ignore[attr-defined]
    return line.decode("latin-1")
