"""numpy's `.npy` files: arrays of numbers, or a pickle behind a header.

Format: numpy/lib/format.py, "Format Version 1.0" to 3.0.
"""

import ast
import re
from typing import Any, Iterator, Optional

from modelkiln.checks.content import Content, Reader, is_natural
from modelkiln.checks.pickles import check_stream

__all__ = ["FORMAT", "check", "looks_like"]

FORMAT = "npy"
MAGIC = b"\x93NUMPY"
# numpy/lib/format.py, _MAX_HEADER_SIZE: longer headers are read from trusted files only.
_MAX_HEADER = 10_000
_PLAIN = re.compile(r"[<>|=]?([?biufcSUVmM])([0-9]*)(\[.*\])?")
# A text, which stays as it is, or a whole number of Python 2.
_LONG = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|\b([0-9]+)L\b""")
_AGAIN = "Save it again with numpy"


def looks_like(head: bytes) -> bool:
    """Return whether a file starts as numpy's."""
    return head.startswith(MAGIC)


def check(content: Content, allowed: Optional[frozenset]) -> set:
    """Check a file: its header, its size, and the pickle of an array of objects.

    Returns the names that its pickle imports. Raises ModelkilnError.
    """
    with content.reader() as reader:
        try:
            header = _header(reader)
            kinds = list(_kinds(header["descr"]))
            size = _size(header)
        except (EOFError, KeyError, MemoryError, RecursionError, SyntaxError, TypeError, ValueError) as error:
            raise content.refuse(f"not a valid npy file: {error or 'it ends in its header'}", _AGAIN) from None
        if any("O" in kind for kind in kinds):
            return check_stream(content, reader, allowed)
        try:
            if size is not None:
                reader.skip(size)
        except EOFError:
            raise content.refuse(f"is truncated: its array takes {size} bytes", _AGAIN) from None
        if size is not None and not reader.at_end():
            raise content.refuse(f"has more bytes than its array of {size} bytes", _AGAIN)
    return set()


def _header(reader: Reader) -> dict:
    reader.read(len(MAGIC))
    major = reader.read(2)[0]
    if major not in (1, 2, 3):
        raise ValueError(f"format version {major}")
    length = int.from_bytes(reader.read(2 if major == 1 else 4), "little")
    if length > _MAX_HEADER:
        raise ValueError(f"a header of {length} bytes")
    header = _literal(reader.read(length).decode("utf-8" if major == 3 else "latin-1"), may_be_old=major < 3)
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise ValueError("its header is not a dictionary of descr, fortran_order and shape")
    return header


def _literal(text: str, may_be_old: bool) -> Any:
    """The value of a header. Numbers of Python 2 may end in L, which numpy drops (`_filter_header`)."""
    try:
        return ast.literal_eval(text)
    except SyntaxError:
        if not may_be_old:
            raise
        return ast.literal_eval(_LONG.sub(lambda match: match[1] or match[2], text))


def _kinds(descr: Any) -> Iterator[str]:
    """The types in a dtype's description: a text, or fields of (name, type[, shape])."""
    if isinstance(descr, str):
        yield descr
    elif isinstance(descr, tuple) and len(descr) == 2:
        yield from _kinds(descr[0])
    elif isinstance(descr, list):
        for field in descr:
            if not isinstance(field, tuple) or len(field) not in (2, 3):
                raise ValueError(f"the field {field!r}")
            yield from _kinds(field[1])
    else:
        raise ValueError(f"the type {descr!r}")


def _size(header: dict) -> Optional[int]:
    """Bytes of the array, None where its type is not a plain one."""
    shape, descr = header["shape"], header["descr"]
    if not isinstance(shape, tuple) or not all(is_natural(size) for size in shape):
        raise ValueError(f"the shape {shape!r}")
    match = _PLAIN.fullmatch(descr) if isinstance(descr, str) else None
    if match is None:
        return None
    size = int(match[2] or 1) * (4 if match[1] == "U" else 1)
    for dimension in shape:
        size *= dimension
    return size
