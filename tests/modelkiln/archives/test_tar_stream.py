"""Tars that are never on disk."""

import io
import os

import pytest

from modelkiln.archives.tar import Entry, bytes_entry, write_tar
from modelkiln.archives.tar_stream import TarStream
from modelkiln.errors import ModelkilnError

LONG = "models/" + "x" * 200


@pytest.fixture
def entries(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(os.urandom(70_000))
    return [
        bytes_entry("models/b", b"12345"),
        bytes_entry("models/empty", b""),
        Entry("models/a/file", size=70_000, open=lambda: path.open("rb")),
        Entry("models/link", kind="symlink", link="b"),
        bytes_entry(LONG, b"y" * 512),
    ]


def written(entries) -> bytes:
    out = io.BytesIO()
    write_tar(entries, out)
    return out.getvalue()


def test_it_is_what_the_writer_writes(entries):
    """Stream and writer give the same bytes."""
    stream = TarStream(entries)
    assert written(entries) == stream.read()
    assert len(written(entries)) == stream.size


def test_it_can_seek(entries):
    """Reading from any position gives the bytes that lie there."""
    expected, stream = written(entries), TarStream(entries)
    for position in (71_000, 3, 512, 1500, len(expected) - 1, len(expected), 0):
        assert position == stream.seek(position)
        stream.seek(position)
        assert expected[position:] == stream.read()


def test_a_file_that_was_cut_is_reported(tmp_path):
    """A file shorter than its entry says is an error that names it, not a broken tar."""
    path = tmp_path / "w"
    path.write_bytes(b"123")
    with pytest.raises(ModelkilnError, match="models/w.*ends after 3 of 9"):
        TarStream([Entry("models/w", size=9, open=lambda: path.open("rb"))]).read()
