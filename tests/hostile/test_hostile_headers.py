"""Headers that state more than a file holds are refused with the value, in little memory, whatever the byte order."""

import io
import os
import re
import struct
import subprocess
import sys
from functools import partial
from unittest import mock

import pytest
from python_path import python_path
from samples.headers.models import gguf_file, xgboost_model

from modelkiln.checks.check import Options, check_file
from modelkiln.checks.headers import header
from modelkiln.errors import ModelkilnError

_UINT32, _TEXT, _ARRAY = 4, 8, 9


class _Gguf:
    """Writes a file of keys and tensors, with counts that may be others."""

    def __init__(self, order, version=3, tensors=None, keys=None):
        self._order, self._version, self._counts = order, version, (tensors, keys)
        self._keys, self._tensors, self._data = [], [], b""

    def _pack(self, code, *values):
        return struct.pack(self._order + code, *values)

    def _text(self, text):
        data = text.encode()
        return self._pack("Q", len(data)) + data

    def key(self, name, type, code, *values):
        self._keys.append(self._text(name) + self._pack("I", type) + self._pack(code, *values))
        return self

    def tensor(self, name, shape=(1,), type=0, offset=0):
        dimensions = self._pack(f"I{len(shape)}Q", len(shape), *shape)
        self._tensors.append(self._text(name) + dimensions + self._pack("IQ", type, offset))
        return self

    def data(self, size):
        self._data = bytes(size)
        return self

    def __bytes__(self):
        counts = [
            len(own) if stated is None else stated for stated, own in zip(self._counts, (self._tensors, self._keys))
        ]
        head = b"GGUF" + self._pack("IQQ", self._version, *counts) + b"".join((*self._keys, *self._tensors))
        return head + bytes(-len(head) % 32) + self._data


HUGE = 1 << 63
BAD = {
    "version": (lambda new: new(version=4), "it has version 4"),
    "old": (lambda new: new(version=1), "it has version 1"),
    "tensors": (lambda new: new(tensors=HUGE), f"states {HUGE} tensors"),
    "keys": (lambda new: new(keys=HUGE), f"states {HUGE} keys"),
    "some-more-keys": (lambda new: new(keys=9).key("a", _UINT32, "I", 1), "at byte .* has 0 bytes|truncated"),
    "some-more-tensors": (lambda new: new(tensors=2).tensor("a").data(4), "a tensor name at byte|truncated"),
    "fewer-tensors": (lambda new: new(tensors=0).tensor("a").data(64), "bytes follow the last tensor"),
    "text": (lambda new: new().key("a", _TEXT, "Q", HUGE), f"key 'a' has a text of {HUGE} bytes at byte"),
    "array": (lambda new: new().key("a", _ARRAY, "IQ", _UINT32, HUGE), f"'a' has an array of {HUGE} elements"),
    "texts": (lambda new: new().key("a", _ARRAY, "IQ", _TEXT, HUGE), f"'a' has an array of {HUGE} elements"),
    "arrays": (lambda new: new().key("a", _ARRAY, "IQ", _ARRAY, HUGE), f"'a' has an array of {HUGE} elements"),
    "nested": (lambda new: new().key("a", _ARRAY, "IQ" * 9, *(_ARRAY, 1) * 9), "arrays in more than 4 arrays"),
    "type": (lambda new: new().key("a", 13, "I", 1), "key 'a' has a value of the unknown type 13"),
    "element-type": (lambda new: new().key("a", _ARRAY, "IQ", 99, 0), "key 'a' has a value of the unknown type 99"),
    "key-twice": (lambda new: new().key("a", _UINT32, "I", 1).key("a", _UINT32, "I", 1), "the key 'a' twice"),
    "no-key": (lambda new: new().key("", _UINT32, "I", 1), "a key at byte 32 has 0 bytes"),
    "alignment": (lambda new: new().key("general.alignment", _UINT32, "I", 24), "general.alignment is 24"),
    "no-alignment": (lambda new: new().key("general.alignment", _UINT32, "I", 0), "general.alignment is 0"),
    "alignment-type": (lambda new: new().key("general.alignment", 10, "Q", 32), "general.alignment is 32, want"),
    "dimensions": (lambda new: new().tensor("a", (1,) * 5), "tensor 'a' has 5 dimensions"),
    "shape": (lambda new: new().tensor("a", (1 << 32, 1 << 32)), "has the shape .4294967296, 4294967296."),
    "shape-then-zero": (lambda new: new().tensor("a", (HUGE, 0)), f"tensor 'a' has the shape .{HUGE}, 0."),
    "block": (lambda new: new().tensor("a", (31,), type=2), "rows of 31, and Q4_0 takes multiples of 32"),
    "offset": (lambda new: new().tensor("a", offset=HUGE), f"'a' starts at byte {HUGE} of the data, want 0"),
    "odd": (lambda new: new().tensor("a").tensor("b", offset=4).data(64), "'b' starts at byte 4 .*: it overlaps"),
    "overlap": (lambda new: new().tensor("a").tensor("b", offset=0).data(64), "'b' starts at byte 0 .*: it overlaps"),
    "hole": (lambda new: new().tensor("a").tensor("b", offset=64).data(96), "'b' starts at byte 64 .* a hole"),
    "truncated": (lambda new: new().tensor("a", (9,)).data(35), "tensors end at byte .*; it is truncated"),
    "longer": (lambda new: new().tensor("a", (9,)).data(65), "29 bytes follow the last tensor"),
    "tensor-twice": (lambda new: new().tensor("a").tensor("a", offset=32).data(64), "the tensor name 'a' twice"),
    "long-name": (lambda new: new().tensor("a" * 70_000), "has 70000 bytes, want 1 to 65535"),
}  # fmt: skip


def _check(data, path="m.gguf"):
    return check_file(path, lambda: io.BytesIO(data), len(data), Options("src/demo:weights"))


@pytest.mark.parametrize("order", "<>")
def test_the_writer_writes_sound_files(order):
    """What the bad ones differ from."""
    sound = _Gguf(order).key("a", _UINT32, "I", 1).tensor("a", (9,)).tensor("b", (2, 2), offset=64).data(80)
    assert "gguf" == _check(bytes(sound)).format


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("name", BAD)
def test_bad_gguf(name, order):
    """It is refused with what is wrong, under the name of the file."""
    made, message = BAD[name]
    with pytest.raises(ModelkilnError, match=f"src/demo:weights: m.gguf: not a valid GGUF file: .*({message})"):
        _check(bytes(made(partial(_Gguf, order))))


def test_a_name_that_is_not_text():
    """Names are UTF-8."""
    with pytest.raises(ModelkilnError, match="a key at byte 32 is not UTF-8"):
        _check(bytes(_Gguf("<").key("a", _UINT32, "I", 1)).replace(b"a", b"\xff"))


def test_another_file_of_that_name():
    """An ending says what a file must be."""
    with pytest.raises(ModelkilnError, match="m.gguf: not a valid GGUF file: it does not start with GGUF"):
        _check(b"something else")


def test_facts_are_short_and_plain():
    """What could be a command to a terminal, or a document, is left out of records."""
    for text in ("\x1b[2J", "x" * 129, "\u202e", ""):
        data = bytes(
            _Gguf("<").key("general.name", _TEXT, f"Q{len(text.encode())}s", len(text.encode()), text.encode())
        )
        assert {"format_version": "3"} == _check(data).facts


@pytest.mark.parametrize(
    ("start", "item"),
    [
        (b'{"learner":{"attributes":{"a":[', b"{},"),
        (b"{L\0\0\0\0\0\0\0\7learner{L\0\0\0\0\0\0\0\nattributes{L" + bytes(8) + b"[", b"[]"),
    ],
    ids=["json", "ubj"],
)
def test_values_are_not_read_one_by_one_without_end(start, item):
    """A file of little things takes long, and is given up."""
    data = start + item * 5000
    with mock.patch.object(header, "_MAX_VALUES", 1000), pytest.raises(ModelkilnError, match="more than 1000 values"):
        _check(data, "m.bin")


_MEASURE = (
    "import re, sys; from modelkiln.checks.check import Options, check_file\n"
    "path, size = sys.argv[1], int(sys.argv[2])\n"
    "try: print(check_file('m', lambda: open(path, 'rb'), size, Options('a')).format)\n"
    "except Exception as error: print(type(error).__name__, error)\n"
    "print(int(re.search('VmHWM:(.*) kB', open('/proc/self/status').read())[1]) < 200_000)"
)


@pytest.mark.parametrize(
    ("start", "answer"),
    [
        (gguf_file(), "bytes follow the last tensor"),
        (bytes(_Gguf("<").key("a", _ARRAY, "IQ", _TEXT, 1 << 40)), "an array of 1099511627776 elements"),
        (bytes(_Gguf("<").key("a", _ARRAY, "IQ", _UINT32, 1 << 30)), "an array of 1073741824 elements"),
        (bytes(_Gguf("<").tensor("a", (20 << 28,))), "^gguf$"),
        (xgboost_model("ubj"), "more follows its end"),
        (b'{"learner":{"attributes":{', "want a key"),
        (b"tree\nversion=v4\n", "no tree starts in its first"),
    ],
    ids=["gguf", "texts", "array", "tensor", "xgboost", "json", "lightgbm"],
)
def test_twenty_gigabytes_take_no_memory(start, answer, tmp_path):
    """A sparse file is refused, or taken, by its header."""
    path, size = tmp_path / "m", 20 << 30
    path.write_bytes(start)
    os.truncate(path, len(start) + size)
    argv = [sys.executable, "-c", _MEASURE, str(path), str(len(start) + size)]
    done = subprocess.run(argv, env={"PYTHONPATH": python_path()}, stdout=subprocess.PIPE, timeout=60, check=True)
    found, is_small = done.stdout.decode().splitlines()
    assert re.search(answer, found)
    assert "True" == is_small
