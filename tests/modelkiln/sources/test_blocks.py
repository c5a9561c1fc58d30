"""A file at its source of which only some blocks are read."""

import io
import os
from functools import partial

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.sources.blocks import Blocks

SIZE = (3 << 20) + 5
DATA = os.urandom(SIZE)


class Source:
    """Opens a file from a byte on, and keeps from which."""

    def __init__(self, data=DATA):
        self.data, self.opened = data, []

    def open(self, offset):
        self.opened.append(offset)
        return io.BytesIO(self.data[offset:])


def test_blocks_are_read_where_they_are_wanted():
    """A stream seeks as a file's does, and opens the source once for what lies together."""
    source = Source()
    with Blocks(source.open, SIZE, "w: a").open() as stream:
        assert DATA[:10] == stream.read(10)
        stream.seek(-5, io.SEEK_END)
        assert DATA[-5:] == stream.read()
        stream.seek(0)
        assert DATA == stream.read()
    assert [0, 3 << 20, 0] == source.opened


@pytest.mark.parametrize("place", [0, (1 << 20) - 1, SIZE - 1])
def test_what_was_read_must_pass_unchanged(place):
    """A stream is held to the blocks that were looked at, and to no others."""
    source = Source()
    blocks = Blocks(source.open, SIZE, "w: a")
    with blocks.open() as stream:
        stream.read(100)
        stream.seek(-1, io.SEEK_END)
        stream.read()
    changed = bytearray(DATA)
    changed[2 << 20] ^= 1
    held = blocks.hold(io.BytesIO(changed))
    assert bytes(changed) == b"".join(iter(partial(held.read, 1000), b""))
    changed[place] ^= 1
    held = blocks.hold(io.BytesIO(changed))
    with pytest.raises(ModelkilnError, match="w: a: was changed at its source"):
        while held.read(70_000):
            pass


def test_a_block_that_changes_between_two_looks_is_refused():
    """So is a file that ends before it should."""
    source = Source()
    blocks = Blocks(source.open, SIZE, "w: a")
    with blocks.open() as stream:
        stream.read(1)
        stream.seek(2 << 20)
        stream.read(1)
        source.data = bytes(SIZE)
        stream.seek(0)
        with pytest.raises(ModelkilnError, match="was changed"):
            stream.read(1)
    source.data = DATA[:-1]
    with Blocks(source.open, SIZE, "w: a").open() as stream, pytest.raises(EOFError, match=f"of {SIZE} bytes"):
        stream.seek(-1, io.SEEK_END)
        stream.read(1)
