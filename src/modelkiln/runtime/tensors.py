"""Tensors of the Open Inference Protocol v2, as JSON objects and as numpy arrays.

Specification: the KServe "Open Inference Protocol (V2 Inference Protocol)", sections "Request
tensor", "Tensor data" and "Tensor data types". Data is row-major, flat or nested. Reading and
checking needs no numpy, so that the engine checks requests and responses with the same code.
"""

from collections import namedtuple
from itertools import chain

from modelkiln.runtime.document import shown, type_in_words
from modelkiln.runtime.errors import PackageError

__all__ = ["DATATYPES", "Tensor", "array_datatype", "from_array", "read_tensors", "to_array"]

# name: str; datatype: str, a key of DATATYPES; shape: tuple of int, all >= 0; data: list of
# bool, int, float or str, flat and row-major, with as many elements as the shape says.
Tensor = namedtuple("Tensor", "name datatype shape data")

# numpy: dtype name. kinds: the Python types that JSON elements may have. above, below: exclusive
# bounds of a number; a float beyond them would be rounded to an infinity.
Datatype = namedtuple("Datatype", "numpy kinds above below")


def _integer(name, above, below):
    return Datatype(name, (int,), above, below)


def _float(name, below):
    return Datatype(name, (float, int), -below, below)


# The bound of a float type is its largest value and half a unit in the last place (IEEE 754).
DATATYPES = {
    "BOOL": Datatype("bool", (bool,), None, None),
    "UINT8": _integer("uint8", -1, 1 << 8),
    "UINT16": _integer("uint16", -1, 1 << 16),
    "UINT32": _integer("uint32", -1, 1 << 32),
    "UINT64": _integer("uint64", -1, 1 << 64),
    "INT8": _integer("int8", -(1 << 7) - 1, 1 << 7),
    "INT16": _integer("int16", -(1 << 15) - 1, 1 << 15),
    "INT32": _integer("int32", -(1 << 31) - 1, 1 << 31),
    "INT64": _integer("int64", -(1 << 63) - 1, 1 << 63),
    "FP16": _float("float16", (1 << 16) - (1 << 4)),
    "FP32": _float("float32", (1 << 128) - (1 << 103)),
    "FP64": _float("float64", (1 << 1024) - (1 << 970)),
    "BYTES": Datatype("object", (str,), None, None),
}
_BY_NUMPY_NAME = {datatype.numpy: name for name, datatype in DATATYPES.items() if name != "BYTES"}
_JSON_NAMES = {bool: "a boolean", int: "an integer", float: "a number", str: "a string"}


def read_tensors(items, side, where):
    """Return the list of Tensor that the JSON list `items` holds; `side` is "input" or "output".

    Raises PackageError for anything that the protocol does not allow: a member that is missing,
    an unknown datatype, data that does not fill the shape, an element of another type or range.
    """
    if items is None:
        raise PackageError(f'{where}: has no "{side}s". Give a list of tensors.')
    if not isinstance(items, list):
        raise PackageError(f'{where}: "{side}s" is {shown(items)}; it must be a list of tensors.')
    tensors = [_read_tensor(item, f"{where}: {side} {index}", side, where) for index, item in enumerate(items)]
    names = [tensor.name for tensor in tensors]
    for name in names:
        if names.count(name) > 1:
            raise PackageError(f'{where}: {side} "{name}" is given twice. Remove one of the two.')
    return tensors


def _read_tensor(item, position, side, where):
    if not isinstance(item, dict):
        raise PackageError(f"{position}: {shown(item)} is not a tensor object.")
    lacking = [key for key in ("name", "datatype", "shape") if key not in item]
    if lacking:
        raise PackageError(f'{position}: has no "{lacking[0]}". Give each tensor name, datatype, shape and data.')
    name, datatype, shape = item["name"], item["datatype"], item["shape"]
    if not isinstance(name, str) or not name:
        raise PackageError(f'{position}: "name" is {shown(name)}; it must be a string that is not empty.')
    address = f'{where}: {side} "{name}"'
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise PackageError(f"{address}: datatype {shown(datatype)} is unknown; use one of {', '.join(DATATYPES)}.")
    if not isinstance(shape, list) or not all(is_size(size) and size >= 0 for size in shape):
        raise PackageError(f"{address}: shape {shown(shape)} is not a list of sizes; give the shape of this very data.")
    if "data" not in item:
        raise PackageError(
            f'{address}: has no "data". Give the elements as a JSON list; binary tensor data is not supported.'
        )
    data = _flatten(item["data"], shape, address)
    _check_elements(data, DATATYPES[datatype], f"{address}: datatype {datatype}")
    return Tensor(name, datatype, tuple(shape), data)


def _flatten(data, shape, address):
    if not isinstance(data, list):
        raise PackageError(f"{address}: data is {shown(data)}; it must be a list.")
    if len(shape) < 2 or not data or not isinstance(data[0], list):
        count = 1
        for size in shape:
            count *= size
        if len(data) != count:
            raise PackageError(f"{address}: got {len(data)} elements, want {count} for shape {list(shape)}.")
        return data
    level = [data]
    for axis, size in enumerate(shape):
        for row in level:
            if not isinstance(row, list) or len(row) != size:
                got = f"{len(row)} elements" if isinstance(row, list) else shown(row)
                raise PackageError(f"{address}: got {got} along axis {axis}, want {size} for shape {list(shape)}.")
        level = list(chain.from_iterable(level))
    return level


def is_size(value):
    """Whether `value` is an integer; JSON's true and false, which Python counts as such, are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def _check_elements(data, datatype, address):
    # set(map(type, ...)), min and max run in C: a million elements take some 30 ms.
    if not set(map(type, data)) <= set(datatype.kinds):
        index = next(i for i, value in enumerate(data) if type(value) not in datatype.kinds)
        raise PackageError(
            f"{address}: element {index} is {shown(data[index])}, want {_JSON_NAMES[datatype.kinds[0]]}."
        )
    if not data or datatype.below is None or datatype.above < min(data) and max(data) < datatype.below:
        return
    index = next(i for i, value in enumerate(data) if not datatype.above < value < datatype.below)
    raise PackageError(f"{address}: element {index} is {shown(data[index])}, which is out of range of its datatype.")


def to_array(tensor):
    """Return `tensor` as a numpy array of its shape; BYTES gives an object array of bytes (UTF-8)."""
    import numpy

    data, datatype = tensor.data, DATATYPES[tensor.datatype]
    if tensor.datatype == "BYTES":
        try:
            data = [value.encode("utf-8") for value in data]
        except UnicodeEncodeError:
            raise PackageError(
                f'tensor "{tensor.name}": a string holds a lone surrogate, which is no text. Send another.'
            ) from None
    elif int in datatype.kinds and float in datatype.kinds:
        data = list(map(float, data))
    return numpy.array(data, dtype=datatype.numpy).reshape(tensor.shape)


def array_datatype(array):
    """Return the datatype of a numpy array, or None where the protocol has none for its dtype."""
    if array.dtype.kind in "OSU":
        return "BYTES"
    return _BY_NUMPY_NAME.get(array.dtype.name)


def from_array(name, array):
    """Return the Tensor with the content of a numpy array, of a dtype the protocol knows.

    Floats come out as the shortest decimals that read back as the same value of their datatype.
    Raises PackageError for NaN and infinities, and for bytes that are not UTF-8.
    """
    datatype = array_datatype(array)
    if datatype == "BYTES":
        data = [_text(name, index, value) for index, value in enumerate(array.ravel().tolist())]
    elif datatype in ("FP16", "FP32", "FP64"):
        data = _decimals(name, array.ravel())
    else:
        data = array.ravel().tolist()
    return Tensor(name, datatype, tuple(array.shape), data)


def _decimals(name, flat):
    import numpy

    finite = numpy.isfinite(flat)
    if not finite.all():
        index = int(numpy.argmin(finite))
        raise PackageError(
            f'output "{name}": element {index} is {flat[index]}, which JSON cannot hold. '
            "Return finite numbers; a NaN often comes from a division by zero or an overflow."
        )
    exact = flat.astype("float64")
    if flat.dtype.itemsize == 8:
        return exact.tolist()
    # numpy writes a float32 with the fewest digits that distinguish it from its neighbours: 0.1, where
    # the float64 of the same value reads 0.10000000149011612.
    short = flat.astype("U").astype("float64")
    return numpy.where(short.astype(flat.dtype) == flat, short, exact).tolist()


def _text(name, index, value):
    try:
        if isinstance(value, bytes):
            return value.decode("utf-8")
        if isinstance(value, str):
            value.encode("utf-8")
            return value
        problem = f"is {type_in_words(value)}, neither bytes nor a string"
    except UnicodeError:
        problem = "is not UTF-8 text"
    raise PackageError(
        f'output "{name}": element {index} {problem}. BYTES in JSON are text; encode it, for example as base64.'
    )
