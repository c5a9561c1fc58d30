"""GGUF files, of either byte order: what llama.cpp and others load.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. What is refused is what ggml's own reader refuses
(ggml/src/gguf.cpp, gguf_init_from_reader), and bytes after the last tensor, which show a wrong count.
"""

import posixpath
import re
import struct
from typing import Any, NamedTuple, Optional

from modelkiln.checks.content import MAX_READ, Content, Reader
from modelkiln.checks.headers.gguf_types import FILE_TYPES, TENSOR_TYPES
from modelkiln.checks.headers.header import MAX_HEADER, BadHeader, Header, facts_of

__all__ = ["FORMAT", "NAME", "check", "looks_like", "tensor_types"]

FORMAT, NAME = "gguf", "GGUF file"
MAGIC = b"GGUF"
_VERSIONS = (2, 3)
# The largest models have some thousands of tensors, and some dozens of keys.
_MAX_ENTRIES = 1 << 17
_MAX_NAME = (1 << 16) - 1
# ggml.h, GGML_MAX_DIMS.
_MAX_DIMENSIONS = 4
_MAX_ELEMENTS = (1 << 63) - 1
_MAX_DEPTH = 4
_DEFAULT_ALIGNMENT = 32
# gguf.h, enum gguf_type: how struct reads a value. What is left are texts and arrays.
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
_UINT32, _TEXT, _ARRAY = 4, 8, 9
# Keys whose values are looked at: all others are passed over.
_WANTED = re.compile(
    r"general\.(architecture|alignment|file_type|license|name|size_label)|split\.(no|count)"
    r"|tokenizer\.ggml\.(model|tokens)|tokenizer\.chat_template(\..+)?|[a-z0-9_.-]{1,64}\.(context_length|embedding_length|block_count)"
)
_MAX_TEXT = 1024
_TEMPLATE = "tokenizer.chat_template"
_SPLIT = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")


class _Value(NamedTuple):
    """A value's type, and what it is: of an array the number of its elements, of a long text None."""

    type: int
    value: Any


class _Tensor(NamedTuple):
    """size: bytes, None where the type is not known. elements: of all dimensions."""

    name: str
    type: int
    elements: int
    size: Optional[int]
    offset: int


def looks_like(head: bytes) -> bool:
    """Return whether a file that starts with `head` is meant as GGUF."""
    return head.startswith(MAGIC)


def check(content: Content, path: str) -> Header:
    """Check a whole file; only its header is read. Raises BadHeader or EOFError."""
    with content.reader() as reader:
        file = _File(reader)
        tensor_count, key_count = file.count("tensors"), file.count("keys")
        values = file.keys(key_count)
        alignment = _alignment(values)
        tensors = file.tensors(tensor_count)
        end, is_exact = _check_places(tensors, alignment)
        start = _padded(reader.position, alignment) if tensors else reader.position
        _check_end(reader, start + end, alignment, is_exact)
    templates = ((key, value.value) for key, value in values.items() if key.startswith(_TEMPLATE))
    found = tuple((key, text) for key, text in templates if isinstance(text, str))
    return Header(_facts(values, tensors, file), _parts(values, path), found)


def tensor_types(content: Content) -> frozenset[int]:
    """Return the numbers of the types that the tensors of a file have (ggml.h). Raises BadHeader or EOFError."""
    with content.reader() as reader:
        file = _File(reader)
        tensor_count, key_count = file.count("tensors"), file.count("keys")
        file.keys(key_count)
        return frozenset(tensor.type for tensor in file.tensors(tensor_count))


class _File:
    """Reads what a header is made of, in the byte order of its version."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        if reader.read(len(MAGIC)) != MAGIC:
            raise BadHeader("it does not start with GGUF")
        version = reader.read(4)
        # A version is small: which half of it is zero shows the order (gguf.cpp).
        self.order = "<" if version[:2] != b"\0\0" else ">"
        self.version = struct.unpack(self.order + "I", version)[0]
        if self.version not in _VERSIONS:
            raise BadHeader(f"it has version {self.version}; readers take {_VERSIONS[0]} and {_VERSIONS[-1]}")

    def number(self, code: str) -> Any:
        return struct.unpack(self.order + code, self._reader.read(struct.calcsize(code)))[0]

    def count(self, what: str) -> int:
        count = self.number("Q")
        if count > _MAX_ENTRIES:
            raise BadHeader(f"it states {count} {what}, and at most {_MAX_ENTRIES} are read")
        return count

    def keys(self, count: int) -> dict:
        """The values of the keys that are looked at."""
        seen: set = set()
        values = {}
        for _ in range(count):
            key = self._name("key", seen)
            value = self._value(key, self.number("I"), _WANTED.fullmatch(key) is not None)
            if value is not None:
                values[key] = value
        return values

    def tensors(self, count: int) -> list:
        """What the header says of each tensor, in order."""
        seen: set = set()
        return [self._tensor(self._name("tensor name", seen)) for _ in range(count)]

    def _name(self, what: str, seen: set) -> str:
        if self._left() < 0:
            raise BadHeader(f"its header has more than {MAX_HEADER} bytes")
        length = self.number("Q")
        if not 0 < length <= _MAX_NAME:
            raise BadHeader(f"a {what} at byte {self._reader.position} has {length} bytes, want 1 to {_MAX_NAME}")
        try:
            name = self._reader.read(length).decode("utf-8")
        except UnicodeDecodeError:
            raise BadHeader(f"a {what} at byte {self._reader.position - length} is not UTF-8") from None
        if name in seen:
            raise BadHeader(f"it has the {what} {name!r} twice")
        seen.add(name)
        return name

    def _value(self, key: str, type: int, is_wanted: bool) -> Optional[_Value]:
        if type == _TEXT:
            text = self._text(key, is_wanted)
            return _Value(type, text) if is_wanted else None
        if type == _ARRAY:
            length = self._pass_array(key, 1)
            return _Value(type, length) if is_wanted else None
        number = self.number(self._code(key, type))
        return _Value(type, number) if is_wanted else None

    def _code(self, key: str, type: int) -> str:
        if type not in _NUMBERS:
            raise BadHeader(f"key {key!r} has a value of the unknown type {type}")
        return _NUMBERS[type]

    def _text(self, key: str, is_wanted: bool) -> Optional[str]:
        length = self.number("Q")
        is_template = key.startswith(_TEMPLATE)
        if is_template and length > MAX_READ:
            raise BadHeader(f"key {key!r} has a template of {length} bytes, and at most {MAX_READ} are read")
        if not is_wanted or (length > _MAX_TEXT and not is_template):
            self._pass(length, f"key {key!r} has a text")
            return None
        return self._reader.read(length).decode("utf-8", "replace")

    def _pass_array(self, key: str, depth: int) -> int:
        """Pass over an array and return how many elements it has."""
        type, count = self.number("I"), self.number("Q")
        if type == _ARRAY:
            if depth == _MAX_DEPTH:
                raise BadHeader(f"key {key!r} has arrays in more than {_MAX_DEPTH} arrays")
            for _ in range(self._bounded(key, count, 12)):
                self._pass_array(key, depth + 1)
        elif type == _TEXT:
            self._pass_texts(key, self._bounded(key, count, 8))
        else:
            width = struct.calcsize(self._code(key, type))
            self._pass(self._bounded(key, count, width) * width, f"key {key!r} has an array")
        return count

    def _bounded(self, key: str, count: int, width: int) -> int:
        """`count`, if elements of at least `width` bytes can follow so often."""
        if count * width > self._left():
            raise BadHeader(f"key {key!r} has an array of {count} elements, more than the file can hold")
        return count

    def _pass_texts(self, key: str, count: int) -> None:
        # Vocabularies: hundreds of thousands of short texts.
        length_of = struct.Struct(self.order + "Q").unpack
        read, skip = self._reader.read, self._reader.skip
        for _ in range(count):
            (length,) = length_of(read(8))
            if length > _MAX_TEXT:
                self._pass(length, f"key {key!r} has a text")
            else:
                skip(length)

    def _pass(self, size: int, what: str) -> None:
        if size > self._left():
            raise BadHeader(f"{what} of {size} bytes at byte {self._reader.position}, past the end of the header")
        self._reader.skip(size)

    def _left(self) -> int:
        """Bytes that the header can still have."""
        size = self._reader.size
        return min(MAX_HEADER, MAX_HEADER if size is None else size) - self._reader.position

    def _tensor(self, name: str) -> _Tensor:
        dimensions = self.number("I")
        if dimensions > _MAX_DIMENSIONS:
            raise BadHeader(f"tensor {name!r} has {dimensions} dimensions, and at most {_MAX_DIMENSIONS} are read")
        shape = [self.number("Q") for _ in range(dimensions)]
        elements = 1
        for dimension in shape:
            elements *= dimension
        if max(*shape, elements, 0) > _MAX_ELEMENTS:
            raise BadHeader(f"tensor {name!r} has the shape {shape}, which is too large")
        type, offset = self.number("I"), self.number("Q")
        return _Tensor(name, type, elements, _size(name, type, shape, elements), offset)


def _size(name: str, type: int, shape: list, elements: int) -> Optional[int]:
    if type not in TENSOR_TYPES:
        # Forks of llama.cpp have more, and later releases will.
        return None
    known = TENSOR_TYPES[type]
    row = shape[0] if shape else 1
    if row % known.block:
        raise BadHeader(f"tensor {name!r} has rows of {row}, and {known.name} takes multiples of {known.block}")
    return elements // known.block * known.size


def _alignment(values: dict) -> int:
    stated = values.get("general.alignment", _Value(_UINT32, _DEFAULT_ALIGNMENT))
    value = stated.value
    if stated.type != _UINT32 or value == 0 or value & (value - 1):
        raise BadHeader(f"general.alignment is {value!r}, want a power of two as a number of 32 bits")
    return value


def _padded(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


def _check_places(tensors: list, alignment: int) -> tuple:
    """Check that each tensor starts where the one before it ends; returns where the last ends, and whether that is
    known and not only the least that it can be."""
    end, is_exact = 0, True
    for tensor in tensors:
        wanted = _padded(end, alignment)
        if tensor.offset < wanted or (tensor.offset > wanted and is_exact) or tensor.offset % alignment:
            what = "overlaps the tensor before it" if tensor.offset < wanted else "leaves a hole before it"
            raise BadHeader(
                f"tensor {tensor.name!r} starts at byte {tensor.offset} of the data, want {wanted}: it {what}"
            )
        end, is_exact = tensor.offset + (tensor.size or 0), tensor.size is not None
    return end, is_exact


def _check_end(reader: Reader, end: int, alignment: int, is_exact: bool) -> None:
    if reader.size is None:
        reader.skip(max(0, end - reader.position))
        return
    if end > reader.size:
        raise BadHeader(f"its tensors end at byte {end}, and it has {reader.size}; it is truncated")
    if is_exact and reader.size > _padded(end, alignment):
        raise BadHeader(f"{reader.size - end} bytes follow the last tensor, which ends at byte {end}")


def _facts(values: dict, tensors: list, file: _File) -> dict:
    def text(key: str) -> Optional[str]:
        value = values.get(key)
        return value.value if value and value.type == _TEXT else None

    def number(key: str, type: Optional[int] = None) -> Optional[int]:
        value = values.get(key)
        is_number = value and (value.type == type if type else isinstance(value.value, int) and value.type != _ARRAY)
        return value.value if value and is_number else None

    architecture = text("general.architecture")
    parts = number("split.count")
    return facts_of(
        architecture=architecture,
        name=text("general.name"),
        license=text("general.license"),
        size_label=text("general.size_label"),
        quantization=_quantization(number("general.file_type"), tensors),
        context_length=number(f"{architecture}.context_length"),
        embedding_length=number(f"{architecture}.embedding_length"),
        layers=number(f"{architecture}.block_count"),
        parameters=sum(tensor.elements for tensor in tensors),
        tensors=len(tensors),
        vocabulary=number("tokenizer.ggml.tokens", _ARRAY),
        part=f"{(number('split.no') or 0) + 1} of {parts}" if parts and parts > 1 else None,
        format_version=str(file.version),
        byte_order="big" if file.order == ">" else None,
    )


def _quantization(file_type: Optional[int], tensors: list) -> Optional[str]:
    """What the file says of itself, or else the type of most of its values."""
    if file_type is not None:
        return FILE_TYPES.get(file_type)
    counts: dict = {}
    for tensor in tensors:
        counts[tensor.type] = counts.get(tensor.type, 0) + tensor.elements
    type = max(counts, key=lambda type: counts[type], default=None)
    return TENSOR_TYPES[type].name if type in TENSOR_TYPES else None


def _parts(values: dict, path: str) -> tuple:
    """The other files of a model in several, which llama.cpp opens by their names where it is given the first."""
    match = _SPLIT.fullmatch(posixpath.basename(path))
    number, count = (values[key].value if key in values else None for key in ("split.no", "split.count"))
    if not match or number != 0 or (int(match[2]), int(match[3])) != (1, count):
        return ()
    name, parts = posixpath.join(posixpath.dirname(path), match[1]), match[3]
    return tuple(f"{name}-{part:05}-of-{parts}.gguf" for part in range(2, int(parts) + 1))
