"""Models of sentencepiece.

Format: sentencepiece's src/sentencepiece_model.proto, ModelProto. What is refused is what its loader refuses
(src/model_interface.cc, InitializePieces).
"""

from typing import Iterator, NamedTuple

from modelkiln.checks.content import MAX_READ, Content
from modelkiln.checks.headers.header import MAX_HEADER, BadHeader, Header, facts_of
from modelkiln.checks.protobuf import BYTES, FIXED32, FIXED64, VARINT

__all__ = ["FORMAT", "NAME", "check", "looks_like"]

FORMAT, NAME = "sentencepiece", "sentencepiece model"
# ModelProto: its fields, and those that extensions may have.
_PIECES, _TRAINER, _OTHERS, _EXTENSIONS = 1, 2, (3, 4, 5), 200
# TrainerSpec.
_MODEL_TYPE, _BYTE_FALLBACK = 3, 35
_MODEL_TYPES = {1: "unigram", 2: "bpe", 3: "word", 4: "char"}
# ModelProto.SentencePiece.Type.
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_RESERVED = (_UNKNOWN, _CONTROL, _BYTE)
# model_interface.cc, kMaxPieceSize.
_MAX_PIECE = 8000
# So many pieces show what a file is.
_FEWEST, _MOST = 2, 8
_BYTES = {f"<0x{byte:02X}>".encode() for byte in range(256)}


class _Field(NamedTuple):
    """A field of a message. value: of a varint. start, end: of the bytes of all others."""

    number: int
    wire: int
    value: int
    start: int
    end: int


class _Piece(NamedTuple):
    text: bytes
    type: int
    has_score: bool


def looks_like(head: bytes) -> bool:
    """Return whether a file that starts with `head` (512 bytes) is meant as a model of sentencepiece.

    The pieces with a meaning, `<unk>` or some that control, are its first: no other message has texts with a score
    and these types in these fields.
    """
    types: list = []
    try:
        for field in _fields(head, 0, len(head)):
            if field.number != _PIECES or field.wire != BYTES or len(types) == _MOST:
                break
            piece = _piece(head, field)
            if not piece.has_score:
                return False
            types.append(piece.type)
    except BadHeader:
        pass  # The last one reaches past the head.
    return len(types) >= _FEWEST and (_UNKNOWN in types or types.count(_CONTROL) >= _FEWEST)


def check(content: Content, path: str) -> Header:
    """Check a whole file. Raises BadHeader."""
    data = _read(content)
    pieces = _Pieces()
    trainer = None
    for field in _fields(data, 0, len(data)):
        if field.wire == BYTES and field.number == _PIECES:
            pieces.add(_piece(data, field), field.start)
        elif field.wire == BYTES and field.number == _TRAINER:
            trainer = field
        elif field.number not in _OTHERS and field.number < _EXTENSIONS:
            raise BadHeader(f"it has the unknown field {field.number} before byte {field.end}")
    if trainer is None:
        raise BadHeader(f"its trainer_spec is missing after {pieces.count} pieces; it is truncated")
    settings = {
        field.number: field.value for field in _fields(data, trainer.start, trainer.end) if field.wire == VARINT
    }
    pieces.finish(bool(settings.get(_BYTE_FALLBACK)))
    return Header(facts_of(architecture=_MODEL_TYPES.get(settings.get(_MODEL_TYPE, 1)), vocabulary=pieces.count))


class _Pieces:
    """The vocabulary."""

    def __init__(self) -> None:
        self.count = 0
        # Texts of pieces that stand for text, and of those that do not.
        self._seen: tuple = (set(), set())
        self._bytes: set = set()
        self._unknown = 0

    def add(self, piece: _Piece, start: int) -> None:
        if not piece.text or b"\0" in piece.text or len(piece.text) >= _MAX_PIECE:
            raise BadHeader(f"piece {self.count} at byte {start} is empty, too long or has a zero in it")
        seen = self._seen[piece.type in _RESERVED]
        if piece.text in seen:
            raise BadHeader(f"it has the piece {piece.text.decode('utf-8', 'replace')!r} twice")
        seen.add(piece.text)
        self._unknown += piece.type == _UNKNOWN
        if piece.type == _BYTE:
            self._bytes.add(piece.text)
        self.count += 1

    def finish(self, has_bytes: bool) -> None:
        """Check what the pieces are together. has_bytes: the trainer's byte_fallback."""
        if self._unknown != 1:
            raise BadHeader(f"it has {self._unknown} pieces of the type UNKNOWN, want 1")
        if self._bytes != (_BYTES if has_bytes else set()):
            raise BadHeader(
                f"it has {len(self._bytes & _BYTES)} of the 256 pieces for bytes, and byte_fallback is {has_bytes}"
            )


def _read(content: Content) -> bytes:
    """All of the file: the pieces are most of it."""
    if content.data is not None:
        return content.data
    data = bytearray()
    with content.reader() as reader:
        while block := reader.peek(MAX_READ >> 2):
            data += reader.read(len(block))
            if len(data) > MAX_HEADER:
                raise BadHeader(f"it has more than {MAX_HEADER} bytes, too large for a vocabulary")
    return bytes(data)


def _piece(data: bytes, field: _Field) -> _Piece:
    text, type, has_score = b"", _NORMAL, False
    for inner in _fields(data, field.start, field.end):
        if inner.number == 1 and inner.wire == BYTES:
            text = data[inner.start : inner.end]
        elif inner.number == 2 and inner.wire == FIXED32:
            has_score = True
        elif inner.number == 3 and inner.wire == VARINT:
            type = inner.value
        elif inner.number < _EXTENSIONS:
            raise BadHeader(f"a piece at byte {field.start} has the unknown field {inner.number}")
    return _Piece(text, type, has_score)


def _fields(data: bytes, at: int, end: int) -> Iterator[_Field]:
    """The fields of the message from byte `at` to `end`, as `protobuf.fields` yields them from a stream, but fast:
    there are a million in a large vocabulary."""
    while at < end:
        begin = at
        tag, at = _varint(data, at, end)
        number, wire, value = tag >> 3, tag & 7, 0
        start = at
        if wire == VARINT:
            value, at = _varint(data, at, end)
        elif wire == BYTES:
            length, start = _varint(data, at, end)
            at = start + length
        else:
            at += {FIXED64: 8, FIXED32: 4}.get(wire, end)
        if at > end or not number or wire not in (VARINT, FIXED64, BYTES, FIXED32):
            what = f"field {number} of wire type {wire} at byte {begin}"
            raise BadHeader(f"{what} ends at byte {at}, and what it is part of at {end}")
        yield _Field(number, wire, value, start, at)


def _varint(data: bytes, at: int, end: int) -> tuple:
    """A varint and the position after it."""
    if at < end and data[at] < 0x80:
        return data[at], at + 1
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise BadHeader(f"a number is cut off at byte {at}")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise BadHeader(f"a number before byte {at} has more than 10 bytes")
