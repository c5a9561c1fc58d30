"""Operators that ONNX lacks: they take a library, which the program that loads the model has to load as well."""

from modelkiln.checks.content import Reader
from modelkiln.checks.protobuf import BYTES, fields

__all__ = ["foreign_domains"]

# onnx/onnx.proto: ModelProto.opset_import and functions; domain of OperatorSetIdProto and of FunctionProto.
_OPSETS, _FUNCTIONS, _OPSET_DOMAIN, _FUNCTION_DOMAIN = 8, 25, 1, 10
# Of ONNX (onnx/defs/schema.h), and those that onnxruntime has itself (include/onnxruntime/core/graph/constants.h).
_KNOWN = frozenset(
    (
        "", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training", "ai.onnx.training",
        "com.microsoft", "com.microsoft.dml", "com.microsoft.experimental", "com.microsoft.nchwc",
        "com.ms.internal.nhwc",
        "com.ms.internal.nhwc.onnx", "org.pytorch.aten",
    )
)  # fmt: skip


def foreign_domains(reader: Reader, end: int) -> set:
    """Return the domains that the ModelProto up to `end` uses, and neither knows nor defines in functions of its own.

    Which it uses it has to state: the checker of `onnx` refuses a node of another domain. Raises EOFError and
    ValueError for what is not a message.
    """
    used: set = set()
    defined: set = set()
    for field in fields(reader, end):
        if field.wire == BYTES and field.number in (_OPSETS, _FUNCTIONS):
            number, found = (_OPSET_DOMAIN, used) if field.number == _OPSETS else (_FUNCTION_DOMAIN, defined)
            found.add(_text(reader, reader.position + field.length, number))
        else:
            reader.skip(field.length)
    return used - defined - _KNOWN


def _text(reader: Reader, end: int, number: int) -> str:
    """The last value of a text of the message that ends at `end`, as protobuf reads it."""
    text = b""
    for field in fields(reader, end):
        if field.wire == BYTES and field.number == number:
            text = reader.read(field.length)
        else:
            reader.skip(field.length)
    return text.decode("utf-8", "replace")
