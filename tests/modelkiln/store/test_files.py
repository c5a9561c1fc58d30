"""Where the bytes of files lie in the store."""

import hashlib
import os

import pytest

from modelkiln.archives.tar import Entry
from modelkiln.errors import ModelkilnError
from modelkiln.store.file_index import FileIndex
from modelkiln.store.file_tar import FileTar
from modelkiln.store.files import find_stored
from modelkiln.store.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def wanted(*contents):
    return [{"path": f"{number}", "sha256": sha256(data), "size": len(data)} for number, data in enumerate(contents)]


def test_files_are_blobs_or_in_a_tar_or_missing(store):
    """Each is found where it lies, and opens there."""
    store.add_bytes(b"alone")
    tar = FileTar(store)
    for name in (b"one", b"two" * 300):
        tar.add(Entry(name[:3].decode(), size=len(name)), name, sha256(name))
    tar.close()
    tar.settle()
    FileIndex(store.root).put_tar_members(tar.rows)
    found = find_stored(wanted(b"alone", b"one", b"two" * 300, b"gone"), store)
    contents = {}
    for name, file in found.items():
        with file.open() as stream:
            contents[name] = stream.read()
    assert {sha256(data): data for data in (b"alone", b"one", b"two" * 300)} == contents


def test_a_tar_that_is_gone_has_no_files(store):
    """What was learnt of a blob is believed as long as it is there."""
    tar = FileTar(store)
    tar.add(Entry("one", size=3), b"one", sha256(b"one"))
    blob = tar.close()
    tar.settle()
    FileIndex(store.root).put_tar_members(tar.rows)
    store.path(blob.digest).unlink()
    assert {} == find_stored(wanted(b"one"), store)


def test_a_file_in_a_damaged_tar_is_not_put_anywhere(store, tmp_path):
    """What is taken out of a blob is compared with its sha256."""
    tar = FileTar(store)
    tar.add(Entry("models", kind="dir"))
    tar.add(Entry("models/0", size=3), b"one", sha256(b"one"))
    blob = tar.close()
    tar.settle()
    os.chmod(store.path(blob.digest), 0o600)
    store.path(blob.digest).write_bytes(b"x" * blob.size)
    (file,) = find_stored(wanted(b"one"), store, "models", blob).values()
    with pytest.raises(ModelkilnError, match="has no file with sha256 .* It is damaged"):
        file.put(tmp_path / "one")
    assert not (tmp_path / "one").exists()
