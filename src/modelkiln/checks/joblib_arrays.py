"""Arrays of joblib: bytes that lie between a pickle's opcodes.

joblib's unpickler (joblib/numpy_pickle.py, `NumpyArrayWrapper.read_array`) reads an array's bytes
from the file as soon as BUILD has filled the wrapper, and goes on with the next opcode behind them.
"""

import re
from typing import Any, NamedTuple, Optional

from modelkiln.checks.content import Reader, is_natural
from modelkiln.checks.pickle_machine import Call, Global
from modelkiln.checks.pickle_opcodes import BadPickle

__all__ = ["Array", "array_of", "skip_bytes"]

_WRAPPER = Global("joblib.numpy_pickle", "NumpyArrayWrapper")
_DTYPE = Global("numpy", "dtype")
_TYPE = re.compile(r"([?biufcmMSUVO])([0-9]*)")
# numpy/_core/include/numpy/ndarraytypes.h, NPY_ITEM_HASOBJECT.
_HAS_OBJECT = 1


class Array(NamedTuple):
    """size: bytes of the values. objects: they are a pickle of their own. padded: a byte that counts
    padding comes first."""

    size: int
    objects: bool
    padded: bool


def array_of(value: Any) -> Optional[Array]:
    """Return the array that joblib reads after it has built `value`; None where it reads nothing."""
    if not isinstance(value, Call) or value.target != _WRAPPER:
        return None
    state = value.state if isinstance(value.state, dict) else {}
    shape = state.get("shape")
    if not isinstance(shape, tuple) or not all(is_natural(size) for size in shape):
        raise BadPickle(f"an array of joblib has the shape {shape!r}")
    size, objects = _item(state.get("dtype"), 0)
    for dimension in shape:
        size *= dimension
    return Array(size, objects, state.get("numpy_array_alignment_bytes") is not None)


def skip_bytes(reader: Reader, array: Array) -> None:
    """Pass over the bytes of an array that holds no objects; raises BadPickle where they are not there."""
    try:
        if array.padded:
            reader.skip(reader.read(1)[0])
        reader.skip(array.size)
    except EOFError:
        raise BadPickle(f"it ends within an array of {array.size} bytes") from None


def _item(dtype: Any, depth: int) -> tuple:
    """Bytes of an element of a pickled numpy.dtype, and whether it holds objects."""
    if not isinstance(dtype, Call) or dtype.target != _DTYPE or not isinstance(dtype.arguments, tuple) or depth > 8:
        raise BadPickle("an array of joblib has no plain dtype")
    text = dtype.arguments[0] if dtype.arguments else None
    match = _TYPE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise BadPickle(f"an array of joblib has the dtype {text!r}")
    kind, size = match[1], int(match[2] or 1)
    state = dtype.state if isinstance(dtype.state, tuple) else ()
    if kind == "U":
        size *= 4
    if kind in "SUV" and len(state) > 5 and is_natural(state[5]):
        size = state[5]
    objects = kind == "O"
    fields = state[4] if len(state) > 4 else None
    if kind == "V" and fields is not None:
        flags = state[7] if len(state) > 7 and is_natural(state[7]) else _HAS_OBJECT
        objects = bool(flags & _HAS_OBJECT)
        if not isinstance(fields, dict) or objects != any(_field_objects(field, depth) for field in fields.values()):
            raise BadPickle("an array of joblib has a dtype whose flags and fields differ")
    return size, objects


def _field_objects(field: Any, depth: int) -> bool:
    if not isinstance(field, tuple) or not field:
        raise BadPickle(f"an array of joblib has the field {field!r}")
    return bool(_item(field[0], depth + 1)[1])
