"""JSON documents that others wrote: parsed, and held to a shape, so that what reads them finds values of its kinds."""

import json
import os
import re
import stat
from math import isfinite
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Union

__all__ = [
    "ANYTHING",
    "DIGEST",
    "DIMENSION",
    "SIZE",
    "TEXT",
    "Kind",
    "Shape",
    "mismatch",
    "parse_object",
    "read_document",
]

# Bytes: indexes and configs of the largest images are far below.
_LARGEST = 32 << 20
# No document of ours has a tenth of it; what walks through one calls itself at each level.
_DEEPEST = 100


class Kind(NamedTuple):
    """A kind of values. what: for people."""

    what: str
    fits: Callable[[Any], bool]


# What a document is to have: a kind; a list of one shape, that of each item; or an object of shapes by key. A key that
# ends with "!" is required, another may be absent or null, and "*" stands for all others.
Shape = Union[Kind, list, Mapping[str, Any]]


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63


ANYTHING = Kind("a value", lambda value: True)
TEXT = Kind("a text", lambda value: isinstance(value, str))
DIGEST = Kind("a digest", lambda value: isinstance(value, str) and bool(re.fullmatch("sha256:[0-9a-f]{64}", value)))
SIZE = Kind("a number of bytes", lambda value: _is_number(value) and value >= 0)
DIMENSION = Kind("a size, or -1 for any", lambda value: _is_number(value) and value >= -1)


def read_document(path: Path, largest: int = _LARGEST) -> bytes:
    """Return the bytes of a document in a file; raises ValueError for what is not a file of up to `largest` bytes.

    A pipe would be waited for, and a device has no end.
    """
    # What blocks is the opening of a pipe, before it is known to be one.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise ValueError("it is not a regular file")
        data = stream.read(largest + 1)
    if len(data) > largest:
        raise ValueError(f"it has more than {largest} bytes")
    return data


def parse_object(data: Union[bytes, str]) -> dict[str, Any]:
    """Return the JSON object in `data`; raises ValueError that says what it is instead.

    Refused are also what cannot be written as JSON again: numbers without an end, and halves of surrogate pairs.
    """
    text = data if isinstance(data, str) else data.decode("utf-8")
    try:
        value = json.loads(text, parse_constant=_finite, parse_float=_finite)
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError(f"it is a JSON {type(value).__name__}")
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
        level = [one for one in level if isinstance(one, (dict, list))]
        if not level:
            return value
    raise ValueError(f"it is nested more than {_DEEPEST} deep")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is not a number that JSON has")
    return number


def mismatch(value: Any, shape: Shape, where: str = "") -> str:
    """Return the first place at which `value` is not of a shape, and how; "" where it is. where: before the place."""
    if isinstance(shape, Kind):
        return "" if shape.fits(value) else f"{where} {_short(value)} is not {shape.what}"
    kind, what = (list, "a list") if isinstance(shape, list) else (dict, "an object")
    if not isinstance(value, kind):
        return f"{where} {_short(value)} is not {what}".lstrip()
    return next(filter(None, _inner(value, shape, where)), "")


def _inner(value: Any, shape: Any, where: str) -> Iterator[str]:
    if isinstance(shape, list):
        yield from (mismatch(item, shape[0], f"{where}[{number}]") for number, item in enumerate(value))
        return
    prefix = f"{where}." if where else ""
    for key, inner in shape.items():
        name = key.rstrip("!")
        if name != "*" and value.get(name) is not None:
            yield mismatch(value[name], inner, f"{prefix}{name}")
        elif name != key:
            yield f"{where} lacks {name!r}" if where else f"it lacks {name!r}"
    if "*" in shape:
        others = (key for key in value if key not in shape and f"{key}!" not in shape)
        yield from (mismatch(value[key], shape["*"], f"{prefix}{key}") for key in others)


def _short(value: Any) -> str:
    is_long = isinstance(value, int) and not isinstance(value, bool) and not _is_number(value)
    text = "a number of many digits" if is_long else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
