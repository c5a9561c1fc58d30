"""Whatever an unpickler would import from some bytes, the checks have seen it."""

import io
import pickle

import pytest
from hypothesis import strategies as st
from properties import given, settings

from modelkiln.checks.check import Options, check_file
from modelkiln.errors import ModelkilnError

# Pieces of pickles, whole and broken: names, calls, memo, containers, marks, texts and noise.
PIECES = (
    b"cdemo\nThing\n", b"cdemo\nother\n", b"\x8c\x04demo", b"\x8c\x05Thing", b"\x93", b")", b"R", b"}", b"b",
    b"(", b"t", b"]", b"N", b"0", b"1", b"2", b"\x94", b"q\x00", b"h\x00", b"p1\n", b"g1\n", b"(idemo\nThing\n",
    b"o", b"\x81", b"\x92", b"a", b"e", b"s", b"u", b"\x85", b"\x86", b"\x87", b"K\x01", b"M\x01\x02",
    b"S'demo'\n", b"VThing\n", b"U\x04demo", b"I01\n", b"F1.5\n", b"L12L\n", b"\x8a\x01\x05",
    b"\x95\x00\x00\x00\x00\x00\x00\x00\x00", b"\x80\x02", b"\x80\x04", b"\x80\x01", b".", b"C\x02ab", b"\x8f",
    b"\x90", b"\x91", b"\x8e\x01\x00\x00\x00\x00\x00\x00\x00x", b"B\x01\x00\x00\x00y", b"j\x00\x00\x00\x00",
    b"r\x00\x00\x00\x00", b"\xff", b"d", b"l",
)  # fmt: skip


class Thing:
    """Takes any call and any state."""

    def __init__(self, *arguments, **options):
        pass

    def __new__(cls, *arguments, **options):
        return object.__new__(cls)

    def __setstate__(self, state):
        pass


def _load(data, base, found):
    """Load one pickle with `found(name)` in place of imports; returns whether it came to its end."""

    class Unpickler(base):
        def find_class(self, module, name):
            return found(name)

    try:
        Unpickler(io.BytesIO(data)).load()
    except Exception:
        return False
    return True


def _refused(data, allowed):
    with pytest.raises(ModelkilnError, match="pickle"):
        check_file("m", lambda: io.BytesIO(data), len(data), Options("a:b", allowed))


@pytest.mark.parametrize("base", [pickle.Unpickler, pickle._Unpickler], ids=["c", "python"])
@settings(max_examples=1000)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=14))
def test_no_call_is_missed(base, pieces):
    """Bytes that make an unpickler import, and then go on to their end, are refused as a pickle."""
    data, imported = b"".join(pieces) + b".", []

    def find(name):
        imported.append(name)
        return Thing

    if _load(data, base, find) and imported:
        _refused(data, None)
        _refused(data, ("collections.OrderedDict",))


@pytest.mark.parametrize("base", [pickle.Unpickler, pickle._Unpickler], ids=["c", "python"])
@settings(max_examples=1000)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=14))
def test_no_call_before_an_error_is_missed(base, pieces):
    """Bytes that make an unpickler call something are refused, also where it fails afterwards."""
    data, called = b"".join(pieces), []
    _load(data, base, lambda name: lambda *arguments, **options: called.append(name))
    if called:
        _refused(data, None)
        _refused(data, ("collections.OrderedDict",))
