"""ONNX models, checked by the checker of the `onnx` package without their weights.

The checker loads whole models, and takes a second copy to parse them. What it checks does not depend
on the weights' bytes, so it is given the model with one byte in place of each large tensor; sizes and
external data files are checked here, which it does not do or only for models on disk.
"""

import io
import posixpath
from typing import NamedTuple

from modelkiln.checks.content import MAX_READ, Content, Reader
from modelkiln.checks.onnx.checker import AGAIN, run_checker
from modelkiln.checks.onnx.domains import foreign_domains
from modelkiln.checks.onnx.tensor import MAX_FIELD, BadModel, Tensor, copy_field, take
from modelkiln.checks.protobuf import BYTES, VARINT, Field, encode_bytes, encode_start, fields

__all__ = ["FIRST_BYTE", "FORMAT", "Model", "check", "looks_like", "read"]

FORMAT = "onnx"
# The first field of ModelProto, ir_version: a varint.
FIRST_BYTE = b"\x08"
# onnx/onnx.proto (IR version 13): field numbers of ModelProto.
_MODEL_FIELDS = {1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26}
_GRAPH_FIELD = 7
# Messages on the way from a model to its tensors: message -> field number -> message.
_MESSAGES: dict = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 11: "Attribute"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse"},
    "Sparse": {1: "Tensor", 2: "Tensor"},
}
# AttributeProto: a text, which may be a whole compiled model (EPContext), and lists of numbers and texts.
_TEXT, _LISTS = 4, (7, 8, 9)
# SparseTensorProto: its values, their indices.
_VALUES, _INDICES = 1, 2
_MAX_DEPTH = 60
# protobuf's parsers take messages of 2 GiB less a byte.
_MAX_SIZE = (2 << 30) - 1


def looks_like(content: Content) -> bool:
    """Return whether the whole content is one ModelProto with a graph; only its outermost tags are read."""
    # Other protobuf messages and texts end here, at their first byte.
    if content.head(1) != FIRST_BYTE or content.size is None:
        return False
    try:
        with content.reader() as reader:
            numbers = set()
            for field in fields(reader, content.size):
                if field.number not in _MODEL_FIELDS or field.wire not in (VARINT, BYTES):
                    return False
                numbers.add(field.number)
                reader.skip(field.length)
            return _GRAPH_FIELD in numbers
    except (EOFError, ValueError):
        return False


class Model(NamedTuple):
    """What was read of a model. data: all but its weights. external: the data that it needs. domains: of operators
    that neither ONNX nor the model has."""

    data: bytes
    external: list
    domains: set


def read(content: Content, path: str) -> Model:
    """Read a model at `path` of the artifact, for `check`.

    Raises ModelkilnError for one that is damaged, and for tensors whose bytes are not as many as their shape
    and type say.
    """
    found = _Skeleton(posixpath.dirname(path))
    size = content.size or 0
    if size > _MAX_SIZE:
        what = f"{size} bytes are more than an ONNX model can have in one file, which is {_MAX_SIZE}"
        raise content.refuse(what, "Save its weights as external data: onnx.save(..., save_as_external_data=True)")
    try:
        with content.reader() as reader:
            data = b"".join(found.message(reader, size, "Model", 0))
        domains = foreign_domains(Reader(io.BytesIO(data), len(data), True), len(data))
    except BadModel as bad:
        raise content.refuse(f"not a valid ONNX model: {bad}", AGAIN) from None
    except (EOFError, ValueError) as error:
        what = f"not a valid ONNX model: {error or 'it ends too early'}"
        raise content.refuse(what, AGAIN) from None
    return Model(data, sorted(set(found.external)), domains)


def check(content: Content, model: Model) -> None:
    """Raise ModelkilnError for a model that the checker of `onnx` refuses, NoChecker where there is none."""
    run_checker(content, model.data)


class _Skeleton:
    """Copies a model without its weights and collects its external data."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._size = 0
        self.external: list = []

    def message(self, reader: Reader, end: int, kind: str, depth: int) -> list:
        """The message in pieces, which are put together once: a forest's are large."""
        if depth > _MAX_DEPTH:
            raise BadModel(f"its graphs are nested deeper than {_MAX_DEPTH} messages")
        parts: list = []
        for field in fields(reader, end):
            inner = _MESSAGES[kind].get(field.number) if field.wire == BYTES else None
            if kind == "Attribute" and field.wire == BYTES and field.number == _TEXT and field.length > MAX_READ:
                reader.skip(field.length)
                parts.append(encode_bytes(_TEXT, b"."))
            elif kind == "Attribute" and field.number in _LISTS:
                # Its only value, which the checker makes sure of: no tensor or graph follows.
                parts.append(self._rest(reader, field, end))
                break
            elif inner == "Sparse":
                parts.append(encode_bytes(field.number, self._sparse(reader, field.length)))
            elif inner == "Tensor":
                tensor = Tensor(reader, reader.position + field.length)
                parts.append(encode_bytes(field.number, self._tensor(tensor)))
            elif inner:
                inside = self.message(reader, reader.position + field.length, inner, depth + 1)
                parts += [encode_start(field.number, sum(map(len, inside))), *inside]
            else:
                self._count(field.length)
                parts.append(copy_field(reader, field))
        return parts

    def _rest(self, reader: Reader, field: Field, end: int) -> bytes:
        """The field and all that follows it in its message, in one piece: there may be millions of numbers."""
        self._count(field.length + end - reader.position)
        return copy_field(reader, field) + take(reader, end - reader.position)

    def _sparse(self, reader: Reader, length: int) -> bytes:
        """A SparseTensorProto as it is; one of which a part is external, with one value at index 0."""
        self._count(length)
        data = take(reader, length)
        inner = Reader(io.BytesIO(data), length, True)
        tensors: dict = {}
        rest = []
        for field in fields(inner, length):
            if field.wire == BYTES and field.number in (_VALUES, _INDICES):
                tensors[field.number] = Tensor(inner, inner.position + field.length)
            else:
                rest.append(copy_field(inner, field))
        outside = [tensor for tensor in tensors.values() if tensor.is_external]
        if not outside:
            return data
        self.external += [tensor.external_data(self._folder) for tensor in outside]
        cut = [encode_bytes(number, tensor.with_zero()) for number, tensor in sorted(tensors.items())]
        return b"".join(cut + rest)

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > MAX_FIELD:
            raise BadModel(
                f"it holds more than {MAX_FIELD} bytes besides the values of its tensors and what a node embeds; "
                "split it into several models"
            )

    def _tensor(self, tensor: "Tensor") -> bytes:
        self._count(len(tensor.rest))
        if tensor.is_external:
            self.external.append(tensor.external_data(self._folder))
        return tensor.without_values()
