"""Files of the libraries that define the formats are recognised by content, checked, and their facts are taken."""

import io
from dataclasses import replace

import gguf
import pytest
from hypothesis import strategies as st
from properties import given, settings
from samples.headers.models import gguf_file, lightgbm_model, sentencepiece_model, tokenizer_json, xgboost_model

from modelkiln.checks.check import Options, check_file
from modelkiln.errors import ModelkilnError

FORMATS = {
    "gguf": gguf_file,
    "gguf-big": lambda: gguf_file(gguf.GGUFEndian.BIG),
    "lightgbm": lightgbm_model,
    "sentencepiece": sentencepiece_model,
    "tokenizer": tokenizer_json,
    "xgboost-json": lambda: xgboost_model("json"),
    "xgboost-ubj": lambda: xgboost_model("ubj"),
}


def check(data, path="model.bin"):
    """Check a file under a name that says nothing."""
    return check_file(path, lambda: io.BytesIO(data), len(data), Options("src/demo:weights"))


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_the_library_is_sound(name):
    """It is recognised without a name, and the error of half of it names target, file and format."""
    data = FORMATS[name]()
    assert name.partition("-")[0] == check(data).format
    with pytest.raises(ModelkilnError, match=r"src/demo:weights: model.bin: not a valid (?s:.*)\. Fetch it again"):
        check(data[: len(data) // 2])


@settings(max_examples=150)
@given(data=st.data(), name=st.sampled_from(sorted(FORMATS)))
def test_a_truncated_file_is_refused_or_the_same(data, name):
    """Wherever it ends after what it is recognised by."""
    whole = FORMATS[name]()
    cut = whole[: data.draw(st.integers(120, len(whole) - 1))]
    try:
        found = check(cut)
    except ModelkilnError as error:
        assert str(error).startswith("src/demo:weights: model.bin: not a valid ")
    else:
        assert replace(check(whole), size=len(cut)) == found
        # LightGBM's parameters and importances are no part of the model, nor are bytes that align GGUF.
        assert b"end of trees" in cut if name == "lightgbm" else name.startswith("gguf") and len(whole) - len(cut) < 32


@settings(max_examples=300)
@given(data=st.data(), name=st.sampled_from(sorted(FORMATS)))
def test_a_changed_file_is_refused_or_has_a_format(data, name):
    """Bytes of it that are others lead to an error with a text, or to a format."""
    changed = bytearray(FORMATS[name]())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, min(len(changed), 2000) - 1))
        changed[at] = data.draw(st.integers(0, 255))
    try:
        found = check(bytes(changed))
    except ModelkilnError as error:
        assert str(error).startswith("src/demo:weights: model.bin: ")
    else:
        assert found.format in (name.partition("-")[0], "unknown")


def test_facts_of_members_are_not_those_of_an_archive(tmp_path):
    """A model in a tar is checked, and the tar states nothing."""
    import tarfile

    def packed(data):
        with tarfile.open(tmp_path / "m.tar", "w") as archive:
            info = tarfile.TarInfo("m.gguf")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        return (tmp_path / "m.tar").read_bytes()

    found = check(packed(gguf_file()))
    assert ("tar", {}, ()) == (found.format, found.facts, found.needs)
    with pytest.raises(ModelkilnError, match="m.gguf: not a valid GGUF file"):
        check(packed(gguf_file()[:-40]))


@pytest.mark.parametrize(
    "data",
    [
        b'{"learner": {"rate": 0.1}}',
        b'{"version": "1.0", "model": {}}',
        b"tree\nof life\n",
        b"\n\x03abc",
        b"\n\x09\n\x01a\x15\0\0\0\0\x10\x01",
        b"GGU",
        b"{}",
        b"",
    ],
)
def test_what_only_looks_similar_is_unknown(data):
    """Texts and messages of others are not held to these formats."""
    assert "unknown" == check(data).format
