"""Models of sentencepiece: what its processor loads."""

import io

import pytest
import sentencepiece
from samples.headers.models import sentencepiece_model

from modelkiln.checks.check import Options, check_file
from modelkiln.errors import ModelkilnError

# Bytes of <unk>, <s> and </s>.
FIRST = 45


def _check(data):
    return check_file("m.model", lambda: io.BytesIO(data), len(data), Options("src/demo:weights"))


def _loads(data):
    try:
        sentencepiece.SentencePieceProcessor(model_proto=data)
    except Exception:
        return False
    return True


def _piece(text, kind, score=b"\x15\0\0\0\0"):
    inner = b"\n" + bytes([len(text)]) + text + score + bytes([0x18, kind])
    return b"\n" + bytes([len(inner)]) + inner


@pytest.mark.parametrize("kind", ["unigram", "bpe", "char", "word"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byte_fallback": True, "vocab_size": 330},
        {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": 3},
        {"pad_id": 0, "eos_id": 1, "unk_id": 12, "bos_id": -1, "vocab_size": 80},
    ],
)
def test_facts(kind, options):
    """Kind and size of the vocabulary, wherever the pieces with a meaning are."""
    data = sentencepiece_model(kind, **options)
    size = sentencepiece.SentencePieceProcessor(model_proto=data).vocab_size()
    found = _check(data)
    assert ("sentencepiece", {"architecture": kind, "vocabulary": size}) == (found.format, found.facts)


def test_a_large_vocabulary_is_read_from_its_file(tmp_path):
    """A file above what is held in memory anyway."""
    start = sentencepiece_model()
    more = b"".join(_piece(f"more{number}".encode(), 1) for number in range(60_000))
    (tmp_path / "m.model").write_bytes(more.join((start[:FIRST], start[FIRST:])))
    path = tmp_path / "m.model"
    size = path.stat().st_size
    assert size > 1 << 20
    found = check_file("m.model", lambda: path.open("rb"), size, Options("a:b"))
    assert 60_040 == found.facts["vocabulary"]
    assert _loads(path.read_bytes())


UNK = _piece(b"<unk>", 2)
BAD = {
    "twice": (_piece(b"7", 1), "has the piece '7' twice"),
    "second-unknown": (UNK.replace(b"unk", b"any"), "has 2 pieces of the type UNKNOWN"),
    "empty": (_piece(b"", 1), "is empty, too long or has a zero"),
    "zero": (_piece(b"a\0b", 1), "is empty, too long or has a zero"),
    "byte": (_piece(b"<0x41>", 6), "1 of the 256 pieces for bytes, and byte_fallback is False"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_the_library_refuses(name):
    """A piece that cannot be there, after the first ones."""
    piece, message = BAD[name]
    data = piece.join((sentencepiece_model()[:FIRST], sentencepiece_model()[FIRST:]))
    assert not _loads(data)
    with pytest.raises(ModelkilnError, match=f"m.model: not a valid sentencepiece model: .*{message}"):
        _check(data)


def test_a_piece_of_a_reserved_name_may_be_text_too():
    """A control piece and a normal one have names of their own, for the library as well."""
    data = _piece(b"<s>", 1).join((sentencepiece_model()[:FIRST], sentencepiece_model()[FIRST:]))
    assert _loads(data)
    assert "sentencepiece" == _check(data).format
