"""The protobuf wire format, read forward: fields of a message without their schema.

Source: https://protobuf.dev/programming-guides/encoding.
"""

from typing import Iterator, NamedTuple

from modelkiln.checks.content import Reader

__all__ = ["BYTES", "VARINT", "Field", "encode_bytes", "encode_start", "encode_varint", "fields", "varint"]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Field(NamedTuple):
    """A field whose value comes next.

    number, wire: as in the encoding. length: the value's bytes, of VARINT 0. value: a VARINT's.
    """

    number: int
    wire: int
    length: int
    value: int


def varint(reader: Reader) -> int:
    """Read a varint; raises ValueError for one of more than 10 bytes."""
    value = 0
    for shift in range(0, 70, 7):
        byte = reader.read(1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
    raise ValueError("a varint of more than 10 bytes")


def fields(reader: Reader, end: int) -> Iterator[Field]:
    """Yield the fields of the message that ends at position `end`.

    The caller reads or skips a value of wire type other than VARINT before it asks for the next.
    Raises ValueError or EOFError for what is not such a message.
    """
    while reader.position < end:
        tag = varint(reader)
        number, wire = tag >> 3, tag & 7
        if not 0 < number < 1 << 29 or wire not in (VARINT, FIXED64, BYTES, FIXED32):
            raise ValueError(f"field {number} of wire type {wire}")
        value = varint(reader) if wire == VARINT else 0
        length = {VARINT: 0, FIXED64: 8, FIXED32: 4}.get(wire)
        length = varint(reader) if length is None else length
        if reader.position + length > end:
            raise ValueError(f"field {number} of {length} bytes reaches past its message")
        yield Field(number, wire, length, value)


def encode_varint(value: int) -> bytes:
    """Return a number as a varint."""
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)


def encode_bytes(number: int, data: bytes) -> bytes:
    """Return a field of wire type BYTES."""
    return encode_start(number, len(data)) + data


def encode_start(number: int, length: int) -> bytes:
    """Return what comes before the `length` bytes of a field of wire type BYTES."""
    return encode_varint(number << 3 | BYTES) + encode_varint(length)
