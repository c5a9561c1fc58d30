"""What an ONNX model takes and returns, as its graph declares it."""

import io
from typing import Iterator, NamedTuple, Optional, Union

from modelkiln.checks.content import Reader
from modelkiln.checks.onnx.tensor import take
from modelkiln.checks.protobuf import BYTES, VARINT, fields

__all__ = ["Interface", "Value", "read_interface"]

# onnx/onnx.proto (IR version 13): field numbers. ModelProto.graph; GraphProto's initializer, input and output;
# SparseTensorProto.values; TensorProto.name.
_GRAPH, _INITIALIZER, _INPUT, _OUTPUT, _SPARSE = 7, 5, 11, 12, 15
_VALUES, _TENSOR_NAME = 1, 8
# TypeProto: what is not a tensor.
_KINDS = {4: "a sequence", 5: "a map", 8: "a sparse tensor", 9: "an optional value"}


class Value(NamedTuple):
    """An input or output. kind: "a tensor" or what else it is. element: TensorProto.DataType. shape: sizes, -1 where
    one is variable; None where even their number is."""

    name: str
    kind: str
    element: int
    shape: Optional[tuple[int, ...]]


class Interface(NamedTuple):
    """inputs: those that a caller has to give, without the ones that the model has values for."""

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]


def read_interface(model: bytes) -> Interface:
    """Return the interface of a model that was read (`model.read`) and checked; its weights need not be there."""
    (graph,) = _all(model, _GRAPH)
    given = {_text(one, _TENSOR_NAME) for one in _all(graph, _INITIALIZER)}
    given |= {_text(values, _TENSOR_NAME) for one in _all(graph, _SPARSE) for values in _all(one, _VALUES)}
    inputs = tuple(value for value in map(_value, _all(graph, _INPUT)) if value.name not in given)
    return Interface(inputs, tuple(map(_value, _all(graph, _OUTPUT))))


def _value(data: bytes) -> Value:
    """A ValueInfoProto: its name and its TypeProto."""
    name = _text(data, 1)
    for number, inner in (found for one in _all(data, 2) for found in _fields(one)):
        if number == 1 and isinstance(inner, bytes):
            element = next((one for at, one in _fields(inner) if at == 1 and isinstance(one, int)), 0)
            shapes = _all(inner, 2)
            return Value(name, "a tensor", element, tuple(map(_size, _all(shapes[0], 1))) if shapes else None)
        if number in _KINDS:
            return Value(name, _KINDS[number], 0, None)
    return Value(name, "a value of no type", 0, None)


def _size(dimension: bytes) -> int:
    """A TensorShapeProto.Dimension: a number, or a name for what is variable. Some tools write 0 or -1 for it."""
    number = next((one for at, one in _fields(dimension) if at == 1 and isinstance(one, int)), 0)
    return number if 0 < number < 1 << 63 else -1


def _text(data: bytes, number: int) -> str:
    return next((one.decode("utf-8", "replace") for one in _all(data, number)), "")


def _all(data: bytes, number: int) -> list[bytes]:
    """The messages or texts of a field."""
    return [value for at, value in _fields(data) if at == number and isinstance(value, bytes)]


def _fields(data: bytes) -> Iterator[tuple[int, Union[int, bytes]]]:
    reader = Reader(io.BytesIO(data), len(data), True)
    for field in fields(reader, len(data)):
        if field.wire == VARINT:
            yield field.number, field.value
        elif field.wire == BYTES:
            yield field.number, take(reader, field.length)
        else:
            reader.skip(field.length)
