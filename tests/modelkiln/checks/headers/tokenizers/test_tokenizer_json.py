"""`tokenizer.json`, as the library writes and reads it."""

import io
import json

import pytest
import tokenizers
from samples.headers.models import tokenizer_json

from modelkiln.checks.check import Options, check_file
from modelkiln.errors import ModelkilnError


def _check(data):
    return check_file("tokenizer.json", lambda: io.BytesIO(data), len(data), Options("src/demo:weights"))


@pytest.mark.parametrize("pretty", [True, False])
@pytest.mark.parametrize("kind", ["BPE", "WordPiece", "WordLevel", "Unigram"])
def test_facts(kind, pretty):
    """Model and sizes, of readable and of compact files."""
    data = tokenizer_json(kind, pretty)
    size = tokenizers.Tokenizer.from_str(data.decode()).get_vocab_size(with_added_tokens=False)
    found = _check(data)
    facts = {"added_tokens": 1, "architecture": kind, "vocabulary": size}
    assert ("tokenizer", facts) == (found.format, found.facts)


def _set(*path, value):
    content = json.loads(tokenizer_json())
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return json.dumps(content).encode()


BAD = {
    "negative-id": (_set("model", "vocab", "0", value=-1), "token '0' has the ID -1"),
    "huge-id": (_set("model", "vocab", "0", value=1 << 63), "token '0' has the ID 9223372036854775808"),
    "text-id": (_set("model", "vocab", "0", value="1"), "token '0' has the ID 1, want a number"),
    "added-id": (_set("added_tokens", 0, "id", value=None), "token '<unk>' has the ID None"),
    "model": (_set("model", "type", value="Pickle"), "its model is 'Pickle', want one of BPE"),
    "no-vocabulary": (_set("model", value={"type": "BPE"}), "lacks its added_tokens or its model"),
    "twice": (tokenizer_json().replace(b'"vocab": {', b'"vocab": {"0": 1,', 1), "the key '0' is there twice"),
    "more": (tokenizer_json() + b"{}", "more follows"),
    "deep": (tokenizer_json().replace(b'"decoder": null', b'"decoder": ' + b"[" * 5000), "nested deeper than"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_one(name):
    """The library refuses it, too, but for a token that is there twice."""
    data, message = BAD[name]
    with pytest.raises(ModelkilnError, match=f"tokenizer.json: not a valid tokenizer.json: .*{message}"):
        _check(data)
    if name != "twice":
        with pytest.raises(Exception, match=r".+"):
            tokenizers.Tokenizer.from_str(data.decode())
