"""ONNX models, checked by the checker of the `onnx` package without their weights.

The checker loads whole models, and takes a second copy to parse them. What it checks does not depend
on the weights' bytes, so it is given the model with one byte in place of each large tensor; sizes and
external data files are checked here, which it does not do or only for models on disk.
"""

import importlib.util
import posixpath
import sys
from importlib.machinery import PathFinder
from typing import Any, Iterable, NamedTuple, Optional

from modelkiln.checks.content import MAX_READ, Content, Reader
from modelkiln.checks.protobuf import BYTES, VARINT, encode_bytes, encode_varint, fields, varint
from modelkiln.errors import ModelkilnError

__all__ = ["FIRST_BYTE", "FORMAT", "ExternalData", "NoChecker", "check", "looks_like"]

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
    "Graph": {1: "Node", 5: "Tensor"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph"},
}
# TensorProto: fields that hold values, and those that say where they lie. Packed numbers: field number ->
# bytes of one, 0 for varints.
_TYPED_DATA = {4: 4, 5: 0, 7: 0, 10: 8, 11: 0}
_COMPLEX = (14, 15)
_RAW_DATA, _EXTERNAL_DATA, _DATA_LOCATION = 9, 13, 14
# TensorProto.DataType: bits of an element in raw_data. STRING (8) has none.
_BITS = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16,
    17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2,
}  # fmt: skip
_SMALL = 1024
_MAX_DEPTH = 60
_MAX_SKELETON = 256 << 20
_AGAIN = "Export it again with the framework that trained it, or fetch it again"


class ExternalData(NamedTuple):
    """A stretch of another file that a tensor's values lie in: path in the artifact, end in bytes."""

    path: str
    end: int


class _Bad(Exception):
    pass


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


class NoChecker(ModelkilnError):
    """A file is an ONNX model, and the package whose checker it takes is not there."""


def check(content: Content, path: str) -> list:
    """Check a model at `path` of the artifact; returns the external data that it needs.

    Raises ModelkilnError for a model that the checker of `onnx` refuses, and for tensors whose bytes
    are not as many as their shape and type say.
    """
    found = _Skeleton(posixpath.dirname(path))
    size = content.size or 0
    try:
        with content.reader() as reader:
            data = found.message(reader, size, "Model", 0)
    except _Bad as bad:
        raise content.refuse(f"not a valid ONNX model: {bad}", _AGAIN) from None
    except (EOFError, ValueError) as error:
        what = f"not a valid ONNX model: {error or 'it ends too early'}"
        raise content.refuse(what, _AGAIN) from None
    _run_checker(content, data)
    return sorted(set(found.external))


def _run_checker(content: Content, data: bytes) -> None:
    try:
        checker = _checker()
    except ImportError as error:
        what = f"cannot be checked, for want of the package onnx: {error}"
        raise NoChecker(str(content.refuse(what, "Install it (`pip install onnx`)"))) from None
    try:
        checker.check_model(data)
    except Exception as error:
        # The checker also raises what its parser raises, RuntimeError and ValueError among it.
        text = " ".join(str(error).split())
        raise content.refuse(f"not a valid ONNX model: {text[:500].rstrip('.')}", _AGAIN) from None


def _checker() -> Any:
    """The checker of the `onnx` package, of which only the extension module is loaded.

    Importing the whole package, with numpy and protobuf, takes ten times as long as starting a
    process and checking a model. `onnx.checker.check_model` does no more than to call this one.
    Raises ImportError.
    """
    if "onnx" in sys.modules:
        from onnx import onnx_cpp2py_export  # pants: no-infer-dep

        return onnx_cpp2py_export.checker
    package = importlib.util.find_spec("onnx")
    name = "onnx.onnx_cpp2py_export"
    found = package and PathFinder.find_spec(name, package.submodule_search_locations)
    if not found or not found.loader:
        raise ImportError("there is no such package with its extension module")
    extension = importlib.util.module_from_spec(found)
    found.loader.exec_module(extension)
    # Who imports the package after all must not load it twice.
    sys.modules[name] = extension
    return extension.checker


class _Skeleton:
    """Copies a model without its weights and collects its external data."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._size = 0
        self.external: list = []

    def message(self, reader: Reader, end: int, kind: str, depth: int) -> bytes:
        if depth > _MAX_DEPTH:
            raise _Bad(f"its graphs are nested deeper than {_MAX_DEPTH} messages")
        parts = []
        for field in fields(reader, end):
            inner = _MESSAGES[kind].get(field.number) if field.wire == BYTES else None
            if inner == "Tensor":
                tensor = _Tensor(reader, reader.position + field.length)
                parts.append(encode_bytes(field.number, self._tensor(tensor)))
            elif inner:
                inside = self.message(reader, reader.position + field.length, inner, depth + 1)
                parts.append(encode_bytes(field.number, inside))
            else:
                self._count(field.length)
                parts.append(_copy(reader, field))
        return b"".join(parts)

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > _MAX_SKELETON:
            raise _Bad(
                f"it holds more than {_MAX_SKELETON} bytes that are not the raw data of tensors; "
                "write tensors as raw data"
            )

    def _tensor(self, tensor: "_Tensor") -> bytes:
        self._count(len(tensor.rest))
        if not tensor.is_external:
            return tensor.without_values()
        self.external.append(tensor.external_data(self._folder))
        return tensor.without_values()


def _copy(reader: Reader, field: Any) -> bytes:
    tag = encode_varint(field.number << 3 | field.wire)
    if field.wire == VARINT:
        return tag + encode_varint(field.value)
    length = encode_varint(field.length) if field.wire == BYTES else b""
    return tag + length + _take(reader, field.length)


def _take(reader: Reader, length: int) -> bytes:
    if length > _MAX_SKELETON:
        raise _Bad(f"a field of {length} bytes is not the raw data of a tensor")
    return b"".join(reader.read(min(MAX_READ, length - start)) for start in range(0, length, MAX_READ))


class _Tensor:
    """One TensorProto: what it says of itself, and its other fields as they are."""

    def __init__(self, reader: Reader, end: int) -> None:
        self.dims: list = []
        self.data_type, self.is_external = 0, False
        # The values: field number, bytes, and the bytes themselves where they are few.
        self.values: Optional[tuple] = None
        self.entries: dict = {}
        self.name = ""
        parts = []
        for field in fields(reader, end):
            if field.wire == BYTES and (field.number == _RAW_DATA or field.number in _TYPED_DATA):
                self._read_values(reader, field)
            elif field.number == _EXTERNAL_DATA and field.wire == BYTES:
                self._read_entry(reader, field.length)
            elif field.number == _DATA_LOCATION:
                self.is_external = field.value == 1
            elif field.number == 1:
                self._read_dims(reader, field)
            else:
                parts.append(self._read_other(reader, field))
        self.rest = b"".join(parts)

    def _read_values(self, reader: Reader, field: Any) -> None:
        if self.values is not None:
            raise _Bad(f"tensor {self.name!r} has its values twice")
        # Small ones stay: they may be shapes, which the checker could look at.
        data = reader.read(field.length) if field.length <= _SMALL else None
        reader.skip(0 if data is not None else field.length)
        self.values = (field.number, field.length, data)

    def _read_entry(self, reader: Reader, length: int) -> None:
        texts = {1: "", 2: ""}
        for field in fields(reader, reader.position + length):
            texts[field.number] = _take(reader, min(field.length, MAX_READ)).decode("utf-8")
        if texts[1] in self.entries:
            raise _Bad(f"tensor {self.name!r} has the external data entry {texts[1]!r} twice")
        self.entries[texts[1]] = texts[2]

    def _read_dims(self, reader: Reader, field: Any) -> None:
        if field.wire == VARINT:
            self.dims.append(field.value)
            return
        end = reader.position + field.length
        while reader.position < end:
            self.dims.append(varint(reader))

    def _read_other(self, reader: Reader, field: Any) -> bytes:
        if field.number == 2:
            self.data_type = field.value
        data = _copy(reader, field)
        if field.number == 8:
            self.name = data[-field.length :].decode("utf-8", "replace") if field.length else ""
        return data

    def size(self) -> int:
        """Bytes of the values, by shape and type."""
        if self.data_type not in _BITS:
            raise _Bad(f"tensor {self.name!r} has data type {self.data_type}, which has no raw data")
        bits = _BITS[self.data_type]
        for dimension in self.dims:
            bits *= dimension
            if dimension >= 1 << 63 or bits >= 1 << 66:
                raise _Bad(f"tensor {self.name!r} has the shape {self.dims}")
        return (bits + 7) // 8

    def without_values(self) -> bytes:
        """The TensorProto; where its values are many it has one value, of a shape of one."""
        if self.values is None and not self.is_external:
            return self._with(self.dims, b"")
        if self.values is not None:
            number, length, data = self.values
            self._check_size(number, length)
            if data is not None:
                return self._with(self.dims, encode_bytes(number, data))
            if number != _RAW_DATA:
                width = _TYPED_DATA[number] or 1
                return self._with([1], encode_bytes(number, bytes(width * (2 if self.data_type in _COMPLEX else 1))))
        value = bytes((_BITS[self.data_type] + 7) // 8) if self.size() else b""
        return self._with([1] if value else self.dims, encode_bytes(_RAW_DATA, value))

    def _with(self, dims: list, values: bytes) -> bytes:
        return b"".join(encode_varint(1 << 3) + encode_varint(value) for value in dims) + self.rest + values

    def _check_size(self, number: int, length: int) -> None:
        # Of varints alone the length does not give the number.
        is_counted = number == _RAW_DATA or _TYPED_DATA[number]
        if is_counted and length != self.size():
            raise _Bad(f"tensor {self.name!r} of shape {self.dims} takes {self.size()} bytes, but has {length}")

    def external_data(self, folder: str) -> ExternalData:
        """Where an external tensor's values lie (onnx/docs/ExternalData.md)."""
        if self.values is not None:
            raise _Bad(f"tensor {self.name!r} has both inner and external data")
        location = self.entries.get("location", "")
        if not location or not _is_inside(location):
            raise _Bad(f"tensor {self.name!r} lies in {location!r}, which is not a clean path inside the folder")
        size, offset = self.size(), self._number("offset", 0)
        if self._number("length", size) != size:
            raise _Bad(f"tensor {self.name!r} takes {size} bytes, but its external data {self.entries['length']!r}")
        return ExternalData(posixpath.join(folder, location), offset + size)

    def _number(self, key: str, default: int) -> int:
        text = self.entries.get(key)
        if text is None or text == "":
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise _Bad(f"tensor {self.name!r} has the external data {key} {text!r}")
        return int(text)


def _is_inside(path: str) -> bool:
    parts: Iterable[str] = path.split("/")
    return not (set(parts) & {"", ".", ".."} or "\\" in path or ":" in path or "\0" in path)
