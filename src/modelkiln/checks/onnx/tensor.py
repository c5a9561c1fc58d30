"""TensorProto of ONNX: shape, type, and where its values lie, which are not looked at."""

import posixpath
from typing import Any, NamedTuple, Optional

from modelkiln.checks.content import MAX_READ, Reader
from modelkiln.checks.protobuf import BYTES, VARINT, encode_bytes, encode_varint, fields, varint

__all__ = ["MAX_FIELD", "BadModel", "ExternalData", "Tensor", "copy_field", "take"]

# TensorProto: fields that hold values, and those that say where they lie. Packed numbers: field number ->
# bytes of one, 0 for varints.
_TYPED_DATA = {4: 4, 5: 0, 7: 0, 10: 8, 11: 0}
_COMPLEX = (14, 15)
_RAW_DATA, _EXTERNAL_DATA, _DATA_LOCATION = 9, 13, 14
# TensorProto.DataType: bits of an element in raw_data. STRING (8) has none.
_BITS = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16,
    17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2, 27: 6, 28: 6,
}  # fmt: skip
_SMALL = 1024
# What a model may have besides its tensors' values: a forest of a million nodes has 300 MB.
MAX_FIELD = 512 << 20
_ENTRIES = ("location", "offset", "length", "checksum")


class ExternalData(NamedTuple):
    """A stretch of another file that a tensor's values lie in: path in the artifact, end in bytes."""

    path: str
    end: int


class BadModel(Exception):
    """What is wrong with a model."""


def copy_field(reader: Reader, field: Any) -> bytes:
    """Return a field as it is."""
    tag = encode_varint(field.number << 3 | field.wire)
    if field.wire == VARINT:
        return tag + encode_varint(field.value)
    length = encode_varint(field.length) if field.wire == BYTES else b""
    return tag + length + take(reader, field.length)


def take(reader: Reader, length: int) -> bytes:
    """Return the next `length` bytes. Raises BadModel for more than a model may have besides its tensors."""
    if length > MAX_FIELD:
        raise BadModel(f"a field of {length} bytes is not the raw data of a tensor")
    return b"".join(reader.read(min(MAX_READ, length - start)) for start in range(0, length, MAX_READ))


class Tensor:
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
            raise BadModel(f"tensor {self.name!r} has its values twice")
        # Small ones stay: they may be shapes, which the checker could look at.
        data = reader.read(field.length) if field.length <= _SMALL else None
        reader.skip(0 if data is not None else field.length)
        self.values = (field.number, field.length, data)

    def _read_entry(self, reader: Reader, length: int) -> None:
        texts = {1: "", 2: ""}
        for field in fields(reader, reader.position + length):
            texts[field.number] = take(reader, min(field.length, MAX_READ)).decode("utf-8")
        if texts[1] in self.entries:
            raise BadModel(f"tensor {self.name!r} has the external data entry {texts[1]!r} twice")
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
        data = copy_field(reader, field)
        if field.number == 8:
            self.name = data[-field.length :].decode("utf-8", "replace") if field.length else ""
        return data

    def size(self) -> int:
        """Bytes of the values, by shape and type."""
        if self.data_type not in _BITS:
            raise BadModel(f"tensor {self.name!r} has data type {self.data_type}, which has no raw data")
        bits = _BITS[self.data_type]
        for dimension in self.dims:
            bits *= dimension
            if dimension >= 1 << 63 or bits >= 1 << 66:
                raise BadModel(f"tensor {self.name!r} has the shape {self.dims}")
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

    def with_zero(self) -> bytes:
        """The TensorProto with a single zero, in as many dimensions as it has."""
        self.size()
        return self._with([1] * len(self.dims), encode_bytes(_RAW_DATA, bytes((_BITS[self.data_type] + 7) // 8)))

    def _with(self, dims: list, values: bytes) -> bytes:
        return b"".join(encode_varint(1 << 3) + encode_varint(value) for value in dims) + self.rest + values

    def _check_size(self, number: int, length: int) -> None:
        # Of varints alone the length does not give the number.
        is_counted = number == _RAW_DATA or _TYPED_DATA[number]
        if is_counted and length != self.size():
            raise BadModel(f"tensor {self.name!r} of shape {self.dims} takes {self.size()} bytes, but has {length}")

    def external_data(self, folder: str) -> ExternalData:
        """Where an external tensor's values lie (onnx/docs/ExternalData.md)."""
        if self.values is not None:
            raise BadModel(f"tensor {self.name!r} has both inner and external data")
        for key, value in self.entries.items():
            # onnxruntime/core/framework/tensor_external_data_info.cc, ExternalDataInfo::Create.
            if not (value and key in _ENTRIES or key.startswith("prepacked")):
                raise BadModel(f"tensor {self.name!r} has the external data {key} {value!r}, which onnxruntime refuses")
        location = self.entries.get("location", "")
        path = _inside(location)
        if not path:
            raise BadModel(f"tensor {self.name!r} lies in {location!r}, which is not a clean path inside the folder")
        size, offset = self.size(), self._number("offset", 0)
        if self._number("length", size) != size:
            raise BadModel(f"tensor {self.name!r} takes {size} bytes, but its external data {self.entries['length']!r}")
        return ExternalData(posixpath.join(folder, path), offset + size)

    def _number(self, key: str, default: int) -> int:
        text = self.entries.get(key)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise BadModel(f"tensor {self.name!r} has the external data {key} {text!r}")
        return int(text)


def _inside(location: str) -> str:
    """The path that a location stands for, "" for one that is not inside the folder."""
    if location.startswith("/") or ".." in location.split("/") or any(letter in location for letter in "\\:\0"):
        return ""
    path = posixpath.normpath(location) if location else ""
    return "" if path == "." else path
