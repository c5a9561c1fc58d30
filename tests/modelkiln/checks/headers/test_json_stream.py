"""JSON read as a stream is what `json` reads."""

import io
import json
from unittest import mock

import pytest
from hypothesis import strategies as st
from properties import given, settings

from modelkiln.checks.content import Reader
from modelkiln.checks.headers import json_stream
from modelkiln.checks.headers.header import BadHeader
from modelkiln.checks.headers.json_stream import JsonStream

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def _stream(data):
    return JsonStream(Reader(io.BytesIO(data), len(data), True))


def _build(stream):
    if stream.kind() == "{":
        return {key: _build(stream) for key in stream.members()}
    if stream.kind() == "[":
        return [_build(stream) for _ in stream.items()]
    return stream.scalar()


@given(value=VALUES, indent=st.sampled_from([None, 1]), block=st.integers(1, 40))
def test_values_are_read_and_passed_over(value, indent, block):
    """In blocks of any size: all of a value, and how many members or items it has."""
    data = json.dumps(value, indent=indent).encode()
    with mock.patch.object(json_stream, "_BLOCK", block):
        stream = _stream(data)
        assert value == _build(stream)
        stream.finish()
        stream = _stream(data)
        assert (len(value) if isinstance(value, (list, dict)) else 0) == stream.skip()
        stream.finish()


@settings(max_examples=500)
@given(text=st.text(alphabet='[]{},:"1-.eE tunl\\', max_size=14), read=st.sampled_from([_build, JsonStream.skip]))
def test_what_is_not_json_is_refused(text, read):
    """What `json` does not read is not read, and the other way round."""
    stream = _stream(text.encode())
    try:
        read(stream)
        stream.finish()
        is_read = True
    except BadHeader as error:
        is_read = "twice" in str(error)
    try:
        json.loads(text)
    except ValueError:
        assert not is_read
    else:
        assert is_read


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[" * 200, "nested deeper than 100"),
        (b'{"a":1,"a":2}', "the key 'a' is there twice"),
        (b'["\xff"]', "not UTF-8"),
        (b"[1] 2", "more follows"),
        (b'"' + b"x" * (33 << 20), "a text has more than"),
    ],
    ids=["deep", "twice", "not-text", "more", "long"],
)
def test_what_cannot_be_read(data, message):
    """Depth and texts have limits."""
    stream = _stream(data)
    with pytest.raises(BadHeader, match=message):
        _build(stream)
        stream.finish()
