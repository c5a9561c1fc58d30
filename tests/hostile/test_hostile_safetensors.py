"""safetensors files that the reference reader takes, or that two readers take for two models, are refused."""

import io
import json
import struct

import pytest
import safetensors
from hypothesis import strategies as st
from properties import given, settings

from modelkiln.checks.check import Options, check_file
from modelkiln.checks.safetensors import BITS
from modelkiln.errors import ModelkilnError

W = '"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'


def _file(header, data=b"\0" * 8, length=None):
    text = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def _tensor(**changes):
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}
    return _file(json.dumps({"w": {key: value for key, value in entry.items() if value is not None}}))


def _of(text, **options):
    """A file whose header is `text`, with the entry of a sound tensor for each W in it."""
    return _file(text.replace("W", W), **options)


def _two(first, second, size):
    entries = {
        name: {"dtype": "U8", "shape": [span[1] - span[0]], "data_offsets": span}
        for name, span in (("a", first), ("b", second))
    }
    return _file(json.dumps(entries), b"\0" * size)


BAD = {
    "empty": (b"", "too few"),
    "no-header": (b"\x02\0\0\0\0\0\0\0", "its header takes"),
    "huge-header": (_of("{W}", length=1 << 40), "its header takes"),
    "header-past-the-end": (_of("{W}", length=1000), "its header takes"),
    "white-space-first": (_of(" {W}"), "does not start"),
    "not-an-object": (_file("[]"), "does not start"),
    "newline-last": (_of("{W}\n"), "other than spaces"),
    "not-json": (_of("{W"), "not JSON"),
    "not-utf-8": (_file(b'{"\xff":1}'), "not JSON"),
    "deep": (_file('{"__metadata__":' + "[" * 100_000), "not JSON"),
    "duplicate-tensor": (_of("{W,W}"), "twice"),
    "duplicate-field": (_file('{"w":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}'), "twice"),
    "duplicate-metadata": (_of('{"__metadata__":{"a":"b","a":"c"},W}'), "twice"),
    "metadata-not-text": (_of('{"__metadata__":{"a":1},W}'), "__metadata__"),
    "unknown-field": (_tensor(code="x"), "want exactly"),
    "missing-field": (_tensor(shape=None), "want exactly"),
    "unknown-dtype": (_tensor(dtype="F31"), "unknown dtype"),
    "dtype-not-text": (_tensor(dtype=["F32"]), "unknown dtype"),
    "negative-shape": (_tensor(shape=[-2]), "whole numbers"),
    "boolean-shape": (_tensor(shape=[True, 2]), "whole numbers"),
    "fractional-shape": (_tensor(shape=[2.0]), "whole numbers"),
    "huge-shape": (_tensor(shape=[1 << 40, 1 << 40]), "too large"),
    "three-offsets": (_tensor(data_offsets=[0, 4, 8]), "whole numbers"),
    "offsets-not-of-the-shape": (_tensor(shape=[3]), "takes 12 bytes"),
    "offsets-backwards": (_tensor(data_offsets=[8, 0]), "takes 8 bytes"),
    "half-a-byte": (_tensor(dtype="F4", shape=[15]), "takes 7.5 bytes"),
    "not-a-number": (_file('{"w":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}}'), "NaN"),
    "truncated": (_of("{W}", data=b"\0" * 7), "truncated"),
    "trailing-bytes": (_of("{W}", data=b"\0" * 9), "1 bytes follow"),
    "bytes-without-tensors": (_file("{}"), "8 bytes follow"),
    "hole": (_two([0, 2], [4, 8], 8), "hole"),
    "hole-at-the-start": (_two([1, 2], [2, 8], 8), "hole"),
    "overlap": (_two([0, 4], [2, 8], 8), "overlaps"),
    "same-bytes-twice": (_two([0, 8], [0, 8], 8), "overlaps"),
    "absolute-name": (_file('{"/etc/passwd":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}'), "like a path"),
    "dot-dot-name": (_file('{"a/../../b":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}'), "like a path"),
    "windows-name": (_file('{"..\\\\b":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}'), "like a path"),
    "nul-in-a-name": (_file('{"a\\u0000b":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}'), "control characters"),
    "half-a-name": (_file("{" + W.replace("w", "\\ud800") + "}"), "half of a character, .ud800"),
    "half-in-metadata": (_of('{"__metadata__":{"a":"\\udc00"},W}'), "half of a character, .udc00"),
    "minus-zero": (_file('{"w":{"dtype":"F32","shape":[2],"data_offsets":[-0,8]}}'), "has the number -0"),
    "minus-zero-dimension": (_file('{"w":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}', b""), "the number -0"),
    "overflow-before-zero": (_tensor(shape=[1 << 40, 1 << 40, 0], data_offsets=[0, 0]), "which is too large"),
    "overflow-after-zero": (_tensor(shape=[0, 1 << 64], data_offsets=[0, 0]), "which is too large"),
    "empty-name": (_file('{"":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}'), "empty"),
}  # fmt: skip


def _check(data, path="w.safetensors"):
    return check_file(path, lambda: io.BytesIO(data), len(data), Options("src/demo:weights"))


@pytest.mark.parametrize("case", BAD)
def test_bad_file_is_refused(case):
    """Each is an error that names target and file, and says what is wrong."""
    data, message = BAD[case]
    with pytest.raises(ModelkilnError, match=f"^src/demo:weights: w.safetensors: .*{message}.*fetch it again"):
        _check(data)


@pytest.mark.parametrize("case", ["white-space-first", "duplicate-tensor", "hole", "trailing-bytes", "unknown-field"])
def test_ending_is_no_way_around(case):
    """A file that is meant as safetensors is checked as such under any name."""
    with pytest.raises(ModelkilnError, match="not a valid safetensors file"):
        _check(BAD[case][0], "weights.bin")


@pytest.mark.parametrize("dtype", BITS)
def test_sizes_are_those_of_the_reference_reader(dtype):
    """The reference reader takes each dtype at the size that is checked here."""
    data = bytes(BITS[dtype])
    entry = {"w": {"dtype": dtype, "shape": [8], "data_offsets": [0, len(data)]}}
    file = _file(json.dumps(entry), data)
    assert safetensors.deserialize(file)[0][1]["dtype"] == dtype
    assert _check(file).format == "safetensors"


_NUMBERS = st.sampled_from(
    ["0", "1", "2", "4", "-0", "00", "1.0", "1e0", "-1", "null", "true", *(str(1 << bits) for bits in (32, 62, 63, 64))]
)
_SPANS = st.sampled_from(["0,0", "0,1", "0,4", "4,8", "-0,0", "0,-0", f"0,{1 << 64}"])
_TEXTS = st.sampled_from(
    [
        '"w"',
        '"v"',
        '"model-0"',
        '"\\ud800"',
        '"\\udc00"',
        '"\\ud83d\\ude00"',
        '"\\ud800\\u0041"',
        '"\\u0041"',
        '"\u00e9"',
    ]
)
_TENSORS = st.builds(
    '{}:{{"dtype":"{}","shape":[{}],"data_offsets":[{}]}}'.format,
    _TEXTS,
    st.sampled_from(["F32", "U8", "F4", "BOOL", "F6_E2M3", "C64"]),
    st.lists(_NUMBERS, max_size=4).map(",".join),
    _SPANS,
)
_METADATA = st.builds('"__metadata__":{{{}:{}}}'.format, _TEXTS, _TEXTS)


@settings(max_examples=2000)
@given(entries=st.lists(_TENSORS | _METADATA, max_size=3), size=st.sampled_from([0, 1, 4, 8]))
def test_the_reference_reader_takes_what_is_taken(entries, size):
    """Of headers with odd numbers, shapes and texts none passes that it refuses."""
    data = _of("{" + ",".join(entries) + "}", data=bytes(size))
    try:
        _check(data)
    except ModelkilnError:
        return
    safetensors.deserialize(data)
