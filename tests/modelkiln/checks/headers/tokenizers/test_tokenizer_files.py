"""Vocabularies, merges, ranks and settings of tokenizers, as their libraries write and read them."""

import io
import json

import pytest
from samples.headers.models import sentencepiece_model, tokenizer_json
from samples.headers.tokenizers import saved_model, tekken_json, tiktoken_file
from tokenizers import models

from modelkiln.checks.check import Options, check_file
from modelkiln.conventions import TOKENIZER_FORMATS
from modelkiln.errors import ModelkilnError

_CONFIG = {
    "tokenizer_class": "BertTokenizer", "model_max_length": 512,
    "added_tokens_decoder": {"0": {"content": "[PAD]"}, "1": {"content": "[UNK]"}},
}  # fmt: skip


def _check(path, data):
    return check_file(path, lambda: io.BytesIO(data), len(data), Options("src/demo:weights"))


def _json(value):
    return json.dumps(value, indent=2).encode()


def _saved(kind, name):
    return saved_model(kind)[name]


def _count(kind):
    return len(json.loads(_saved(kind, "vocab.json")))


FILES = {
    "vocab.json": (lambda: _saved("BPE", "vocab.json"), "vocabulary", lambda: {"vocabulary": _count("BPE")}),
    "old/encoder.json": (lambda: _saved("BPE", "vocab.json"), "vocabulary", lambda: {"vocabulary": _count("BPE")}),
    "words/vocab.json": (lambda: _saved("WordLevel", "vocab.json"), "vocabulary",
                         lambda: {"vocabulary": _count("WordLevel")}),
    "vocab.txt": (lambda: _saved("WordPiece", "vocab.txt"), "vocabulary",
                  lambda: {"architecture": "WordPiece", "vocabulary": _saved("WordPiece", "vocab.txt").count(b"\n")}),
    "merges.txt": (lambda: _saved("BPE", "merges.txt"), "merges",
                   lambda: {"architecture": "BPE", "merges": _saved("BPE", "merges.txt").count(b"\n") - 1}),
    "dos/merges.txt": (lambda: b"#version: 0.2\r\na b\r\nab c\r\n\r\n", "merges",
                       lambda: {"architecture": "BPE", "merges": 2}),
    "bare/merges.txt": (lambda: "Ġ t\nĠ a\n".encode(), "merges", lambda: {"architecture": "BPE", "merges": 2}),
    "cl100k_base.tiktoken": (tiktoken_file, "tiktoken", lambda: {"architecture": "BPE", "vocabulary": 259}),
    "multilingual.tiktoken": (lambda: b"IQ== 0\n= 1\n", "tiktoken", lambda: {"architecture": "BPE", "vocabulary": 2}),
    "original/tokenizer.model": (tiktoken_file, "tiktoken", lambda: {"architecture": "BPE", "vocabulary": 259}),
    "tekken.json": (tekken_json, "tekken", lambda: {"architecture": "BPE", "format_version": "v3", "vocabulary": 261}),
    "added_tokens.json": (lambda: _json({"<a>": 7, "<b>": 8}), "vocabulary", lambda: {"added_tokens": 2}),
    "tokenizer_config.json": (lambda: _json(_CONFIG), "tokenizer-config",
                              lambda: {"added_tokens": 2, "architecture": "BertTokenizer", "context_length": 512}),
    "x/tokenizer_config.json": (lambda: _json({"model_max_length": int(1e30), "eos_token": None}), "tokenizer-config",
                                dict),
    "special_tokens_map.json": (lambda: _json({"pad_token": {"content": "[PAD]"}}), "tokenizer-config", dict),
}  # fmt: skip


@pytest.mark.parametrize("path", FILES)
def test_facts(path):
    """Format and sizes go into lock and record."""
    data, format, facts = FILES[path]
    found = _check(path, data())
    assert (format, facts()) == (found.format, found.facts)


def test_what_is_sound_is_read():
    """By the library, of which the files and their counts are."""
    vocabulary, merges = models.BPE.read_file(*_written("BPE", "vocab.json", "merges.txt"))
    assert (_count("BPE"), FILES["merges.txt"][2]()["merges"]) == (len(vocabulary), len(merges))


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _written(kind, *names, **changed):
    for name in names:
        with open(name, "wb") as file:
            file.write(changed.get(name.partition(".")[0], _saved(kind, name)))
    return names


BAD = {
    "vocab.json": {
        "text": (b'{"a": 0, ' + b" " * 600 + b'"b": "1"}', "token 'b' has the ID 1, want a number"),
        "huge": (b'{"a": 0, "b": 4294967296}', "token 'b' has the ID 4294967296"),
        "twice": (b'{"a": 0, "a": 1}', "the key 'a' is there twice"),
        "cut": (b'{"a": 0, "b": 1', "it ends too early"),
    },
    "merges.txt": {
        "one": (b"#version: 0.2\na b\nab\n", "line 3 is 'ab', want two tokens"),
        "three": (b"#version: 0.2\nab c\nab c d\n", "line 3 is 'ab c d', want two tokens"),
        "latin": (b"#version: 0.2\na \xe9\n", "line 2 is not UTF-8"),
    },
    "vocab.txt": {"latin": (b"[PAD]\n[UNK]\n\xe9\n", "line 3 is not UTF-8")},
    "a.tiktoken": {
        "empty": (b"\n", "it has no tokens"),
        "base64": (b"IQ= 0\n", "line 1 is 'IQ= 0', want a token in base64 and its rank"),
        "rank": (b"IQ== -1\n", "line 1 has the rank '-1'"),
        "twice": (b"IQ== 0\nIg== 0\n", "line 2 has the rank 0, which another token has"),
        "cut": (tiktoken_file()[:-7], "want a token in base64 and its rank"),
    },
    "tokenizer.model": {"cut": (tiktoken_file() + b"YQ", "line 260 is 'YQ'")},
    "tekken.json": {
        "rank": (tekken_json().replace(b'"rank": 7,', b'"rank": 8,'), "its token 7 has the rank 8"),
        "bytes": (tekken_json().replace(b'"BQ=="', b'"BQ"'), "its token 5 has the rank 5 and the bytes 'BQ'"),
        "size": (tekken_json().replace(b": 261", b": 300"), "it has 259 tokens, and its config wants 300"),
        "none": (b'{"config": {"version": "v3"}}', "it lacks its config or its vocab"),
    },
    "tokenizer_config.json": {
        "list": (b"[]", "want '{'"),
        "cut": (_json(_CONFIG)[:-3], "it ends too early"),
        "class": (b'{"tokenizer_class": 3}', "its tokenizer_class is 3, want a name"),
    },
}
_CASES = [(path, name) for path, cases in BAD.items() for name in cases]


@pytest.mark.parametrize("path, name", _CASES)
def test_what_is_broken_is_refused(path, name):
    """By name, with the line or the token."""
    data, message = BAD[path][name]
    with pytest.raises(ModelkilnError, match=r"^src/demo:weights: .*: not a valid .*Fetch it again") as error:
        _check(path, data)
    assert message in str(error.value)


def test_ids_that_are_refused_are_lost_in_silence():
    """The library passes over a token without an ID of its kind, or cuts the number: none of them is one it wrote."""
    text, huge = (BAD["vocab.json"][name][0] for name in ("text", "huge"))
    _written("BPE", "merges.txt", merges=b"#version: 0.2\n")
    assert {"a": 0} == models.BPE.read_file(*_written("BPE", "vocab.json", vocab=text), "merges.txt")[0]
    assert {"a": 0, "b": 0} == models.BPE.read_file(*_written("BPE", "vocab.json", vocab=huge), "merges.txt")[0]


@pytest.mark.parametrize("name", ["one", "three"])
def test_merges_that_are_refused_are_not_read(name):
    """By the library either."""
    files = _written("BPE", "vocab.json", "merges.txt", merges=BAD["merges.txt"][name][0])
    with pytest.raises(Exception, match=r".+"):
        models.BPE.read_file(*files)


@pytest.mark.parametrize(
    "path, data",
    [
        ("vocab.json", b'{"size": 5, "tokens": ["a"]}'),
        ("vocab.json", b'{"eng": {"a": 0}, "deu": {"b": 1}}'),
        ("vocab.json", b'{"the": 0.05, "a": 0.04}'),
        ("vocab.json", b'["a", "b"]'),
        ("vocab.json", b"{}"),
        ("vocab.txt", b"the 500\nof 300\n"),
        ("merges.txt", b"What was merged:\n- one\n"),
        ("merges.txt", b"a n\nt h\n\"  \n"),
        ("labels.txt", b"bird 0\nfish 1\ncow 2\n"),
        ("pairs.txt", b"a b\nc d\ne\n"),
        ("tekken.json", b"[]"),
    ],
)  # fmt: skip
def test_what_others_call_so_is_unknown(path, data):
    """Files with these names and other contents, and with such contents and other names."""
    assert "unknown" == _check(path, data).format


def test_all_of_them_are_known_as_no_weights():
    """What the config of an artifact and bills of materials leave out are the formats of this room."""
    samples = {"tokenizer.json": tokenizer_json(), "m.model": sentencepiece_model()}
    samples.update((path, make()) for path, (make, _, _) in FILES.items())
    assert set(TOKENIZER_FORMATS) == {_check(path, data).format for path, data in samples.items()}
