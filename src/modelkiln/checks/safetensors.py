"""safetensors files, checked more strictly than by their own reader.

Format: https://huggingface.co/docs/safetensors, "Format": 8 bytes with the header's length (little
endian), the header (JSON, may end in spaces), the tensors' bytes. The reference reader (0.8.0) also
takes duplicate keys, unknown fields, path-like names and leading white space: two readers of such a
file may see two models.
"""

import json
from typing import Any, Mapping

from modelkiln.checks.content import Content, is_natural

__all__ = ["FORMAT", "INDEX_FORMAT", "check", "index_shards", "looks_like", "tensor_types"]

FORMAT = "safetensors"
INDEX_FORMAT = "safetensors-index"
# safetensors/src/tensor.rs, MAX_HEADER_SIZE.
MAX_HEADER = 100_000_000
_BLOCK = 1 << 20
# safetensors/src/tensor.rs, enum Dtype: bits of an element.
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64,
    "I64": 64, "U64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
_MAX_BITS, _MAX_DIMENSION = 1 << 66, 1 << 64
_METADATA = "__metadata__"
_TENSOR = {"dtype", "shape", "data_offsets"}
_AGAIN = "Write it again with safetensors, or fetch it again"


class _Bad(Exception):
    pass


def looks_like(head: bytes, size: int) -> bool:
    """Return whether a file of `size` bytes that starts with `head` (32 bytes) is meant as safetensors."""
    length = int.from_bytes(head[:8], "little")
    return 2 <= length <= min(MAX_HEADER, size - 8) and head[8:].lstrip(b" \t\r\n").startswith((b'{"', b"{}"))


def check(content: Content) -> tuple[str, ...]:
    """Check a whole file and return its tensors' names, sorted; only its header is read.

    Raises ModelkilnError for what is not exact.
    """
    size = content.size or 0
    try:
        data = _header_bytes(content)
        header = _header(data)
        _check_tensors(header, size - 8 - len(data))
        return tuple(sorted(header.keys() - {_METADATA}))
    except EOFError:
        raise content.refuse(f"{size} bytes are too few for a safetensors file", _AGAIN) from None
    except _Bad as bad:
        raise content.refuse(f"not a valid safetensors file: {bad}", _AGAIN) from None


def tensor_types(content: Content) -> dict[str, str]:
    """Return the dtype of each tensor, as the header of a file names it; raises ValueError or EOFError for a header
    that is not one."""
    try:
        header = _header(_header_bytes(content))
    except _Bad as bad:
        raise ValueError(str(bad)) from None
    tensors = {name: value for name, value in header.items() if name != _METADATA and isinstance(value, dict)}
    return {name: str(value.get("dtype")) for name, value in tensors.items()}


def _header_bytes(content: Content) -> bytes:
    size = content.size or 0
    with content.reader() as reader:
        length = int.from_bytes(reader.read(8), "little")
        if length > MAX_HEADER or length > size - 8:
            raise _Bad(f"its header takes {length} bytes of {size}; at most {MAX_HEADER} are allowed")
        return b"".join(reader.read(min(_BLOCK, length - start)) for start in range(0, length, _BLOCK))


def _header(data: bytes) -> Mapping[str, Any]:
    if not data.startswith(b"{"):
        raise _Bad("its header does not start with '{'")
    try:
        # Spaces at the end align the tensors; other white space is not of the format.
        header = json.loads(
            data.decode("utf-8").rstrip(" "),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            # A call for each number takes time, and names have this often enough.
            parse_int=_whole if b"-0" in data else int,
        )
        if b"\\u" in data:
            _refuse_half_characters(header)
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise _Bad(f"its header is not JSON: {error}") from None
    if data.rstrip(b" ")[-1:] != b"}":
        raise _Bad("its header ends in something other than spaces")
    return header


def _unique(pairs: list) -> dict:
    found: dict = {}
    for key, value in pairs:
        if key in found:
            raise _Bad(f"its header has the key {key!r} twice")
        found[key] = value
    return found


def _no_constant(text: str) -> None:
    raise _Bad(f"its header holds {text}")


def _whole(text: str) -> int:
    if text == "-0":
        raise _Bad("its header has the number -0, which the reference reader takes for a fraction")
    return int(text)


def _refuse_half_characters(header: Mapping[str, Any]) -> None:
    """Refuse one half of a surrogate pair, which no text in UTF-8 can have and no other reader takes."""
    try:
        json.dumps(header, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise _Bad(f"a text in its header has half of a character, \\u{ord(half):04x}") from None


def _check_tensors(header: Mapping[str, Any], size: int) -> None:
    """Check all entries against `size` bytes of tensors."""
    spans = []
    for name, entry in header.items():
        if name == _METADATA:
            if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
                raise _Bad("its __metadata__ is not a map from text to text")
            continue
        _check_name(name)
        spans.append((*_span(name, entry), name))
    end = 0
    for start, stop, name in sorted(spans):
        if start != end:
            what = "overlaps the tensor before it" if start < end else "leaves a hole before it"
            raise _Bad(f"tensor {name!r} starts at byte {start}, want {end}: it {what}")
        if stop > size:
            raise _Bad(f"tensor {name!r} covers bytes {start}-{stop} of {size}; the file is truncated")
        end = stop
    if end != size:
        raise _Bad(f"{size - end} bytes follow the last tensor")


def _check_name(name: str) -> None:
    # Tools write tensors to files of their names.
    if name.startswith(("/", "\\", "~")) or ".." in name.replace("\\", "/").split("/") or name[1:3] == ":\\":
        raise _Bad(f"tensor name {name!r} reads like a path")
    if not name or any(ord(character) < 32 or ord(character) == 127 for character in name):
        raise _Bad(f"tensor name {name!r} is empty or has control characters")


def _span(name: str, entry: Any) -> tuple:
    if not isinstance(entry, dict) or set(entry) != _TENSOR:
        fields = sorted(entry) if isinstance(entry, dict) else entry
        raise _Bad(f"tensor {name!r} has {fields!r}, want exactly dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise _Bad(f"tensor {name!r} has the unknown dtype {dtype!r}")
    if not _natural(shape) or not _natural(offsets) or len(offsets) != 2:
        raise _Bad(f"tensor {name!r} has the shape {shape!r} and offsets {offsets!r}; want whole numbers")
    bits = BITS[dtype]
    for dimension in shape:
        bits *= dimension
        # What the reference reader cannot count; a zero further on does not help it.
        if bits >= _MAX_BITS or dimension >= _MAX_DIMENSION:
            raise _Bad(f"tensor {name!r} has the shape {shape!r}, which is too large")
    start, stop = offsets
    if bits % 8 or stop - start != bits // 8:
        raise _Bad(f"tensor {name!r} of {dtype} {shape} takes {bits / 8:g} bytes, but its offsets say {stop - start}")
    return start, stop


def _natural(values: Any) -> bool:
    return isinstance(values, list) and all(is_natural(value) for value in values)


def index_shards(content: Content) -> dict[str, tuple[str, ...]]:
    """Return the shards of a `*.safetensors.index.json` by name, each with the tensors that it must have, sorted.

    Layout: Transformers' sharded checkpoints, {"metadata": {...}, "weight_map": {tensor: file}}.
    Raises ModelkilnError for a file that is not one.
    """
    if (content.size or 0) > MAX_HEADER:
        raise content.refuse(f"is larger than {MAX_HEADER} bytes, too large for an index", _AGAIN)
    with content.open() as stream:
        data = stream.read()
    try:
        index = json.loads(data, object_pairs_hook=_unique)
    except (_Bad, RecursionError, ValueError) as error:
        raise content.refuse(f"not a valid index of safetensors files: {error}", _AGAIN) from None
    files = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(files, dict) or not files or not all(isinstance(file, str) for file in files.values()):
        raise content.refuse("has no weight_map from tensors to files", _AGAIN)
    shards: dict[str, list[str]] = {}
    for tensor, file in sorted(files.items()):
        shards.setdefault(file, []).append(tensor)
    return {file: tuple(shards[file]) for file in sorted(shards)}
