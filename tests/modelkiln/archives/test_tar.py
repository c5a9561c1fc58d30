"""The deterministic tar writer."""

import io
import tarfile

import pytest
from hypothesis import strategies as st
from properties import given

from modelkiln.archives import tar
from modelkiln.archives.tar import Entry, bytes_entry, tar_header, write_tar
from modelkiln.errors import ModelkilnError


def written(entries):
    """Return the tar of `entries` as bytes."""
    out = io.BytesIO()
    write_tar(entries, out)
    return out.getvalue()


def test_order_of_entries_does_not_matter():
    """The same entries in another order give the same bytes."""
    entries = [bytes_entry("b", b"2"), bytes_entry("a/c", b"1"), Entry("a/l", kind="symlink", link="c")]
    assert written(entries) == written(reversed(entries))


def test_metadata_is_normalised():
    """Owners and times are zero, modes are 0644 and 0755, and parents are there."""
    data = written([bytes_entry("d/plain", b"x"), bytes_entry("d/run", b"y", executable=True)])
    members = tarfile.open(fileobj=io.BytesIO(data)).getmembers()
    expected = [("d", 0o755), ("d/plain", 0o644), ("d/run", 0o755)]
    assert expected == [(member.name, member.mode) for member in members]
    assert {(0, 0, 0, "", "")} == {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members}


def test_long_and_foreign_names_survive():
    """A path that ustar cannot hold is read back as it was."""
    path = "/".join(["größer" * 10] * 6)
    assert path == tarfile.open(fileobj=io.BytesIO(written([bytes_entry(path, b"")]))).getnames()[-1]


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../b", "a//b", "", "./a", "a\\b", "a\0b"])
def test_paths_that_could_leave_are_refused(path):
    """An entry that is not a clean relative path is an error, not repaired."""
    with pytest.raises(ModelkilnError, match="not a clean relative path"):
        written([bytes_entry(path, b"")])


@pytest.mark.parametrize("link", ["../../etc", "/../x", "", "a/../../../b"])
def test_links_that_leave_the_layer_are_refused(link):
    """A symbolic link whose target is outside of the layer is an error."""
    with pytest.raises(ModelkilnError, match="layer|target"):
        written([Entry("a/l", kind="symlink", link=link)])


def test_equal_duplicates_are_merged():
    """Two entries with one path and the same content are one entry."""
    once = written([bytes_entry("a", b"same")])
    assert once == written([bytes_entry("a", b"same"), bytes_entry("a", b"same")])


def test_different_duplicates_are_refused():
    """Two entries with one path and different content are an error that names the path."""
    with pytest.raises(ModelkilnError, match="'a' is written twice"):
        written([bytes_entry("a", b"one"), bytes_entry("a", b"two")])


def test_a_file_cannot_be_a_folder():
    """A path below a file is an error."""
    with pytest.raises(ModelkilnError, match="both a file and a directory"):
        written([bytes_entry("a", b""), bytes_entry("a/b", b"")])


@pytest.mark.parametrize("size", [3, 5])
def test_a_file_that_changes_while_it_is_read_is_refused(size):
    """Fewer or more bytes than the entry says are an error."""
    with pytest.raises(ModelkilnError, match="another size"):
        written([Entry("a", size=size, open=lambda: io.BytesIO(b"1234"))])


def test_content_is_checked_against_its_digest():
    """Bytes of another sha256 than the entry says are an error."""
    with pytest.raises(ModelkilnError, match="sha256"):
        written([Entry("a", size=1, sha256="0" * 64, open=lambda: io.BytesIO(b"1"))])


@given(
    st.text("aé/.-_0", min_size=1, max_size=120).filter(lambda path: all(path.split("/"))),
    st.integers(0, 8**11 + 1),
    st.booleans(),
)
def test_the_usual_header_is_as_tarfile_writes_it(path, size, executable):
    """The short way to a header gives the bytes of the long one, whatever path and size."""
    entry = Entry(path, size=size, executable=executable)
    assert tar._any_header(entry) == tar_header(entry)
