"""Views of lazy weights in the care of a store: files in them that hold blobs, and copies."""

import os
import time
from types import SimpleNamespace

import pytest

from modelkiln.runtime.weights import view
from modelkiln.runtime.weights.store import WeightsStore
from modelkiln.store.caches import list_caches
from modelkiln.store.cleaning import clean, list_blobs, verify
from modelkiln.store.store import Store

DATA = bytes(100)


@pytest.fixture
def held(tmp_path, monkeypatch):
    """A store in which the first of two views holds the data of both, on a disk that shares no blocks."""
    monkeypatch.setattr(view, "share_blocks", lambda source, target: False)
    store = Store(tmp_path / "store")
    model, data = store.add_bytes(b"..w.data.."), store.add_bytes(DATA)
    files = [SimpleNamespace(path="m.onnx", sha256=model[7:]), SimpleNamespace(path="w.data", sha256=data[7:])]
    views = [WeightsStore(store.root).fill_view(f"sha256:{letter * 64}", files) for letter in "ab"]
    assert os.path.samefile(views[0] / "w.data", store.path(data))
    assert not os.path.samefile(views[1] / "w.data", store.path(data))
    for folder, names, found in os.walk(store.root):
        for name in (*names, *found):
            then = time.time() - 40 * 86400
            os.utime(os.path.join(folder, name), (then, then), follow_symlinks=False)
    return SimpleNamespace(store=store, model=model, data=data, views=views)


def test_a_held_blob_is_a_blob(held):
    """It is listed, read and verified as others are, and counts once; a copy in a view counts as the view's."""
    assert {held.model: 10, held.data: 100} == {blob.digest: blob.size for blob in list_blobs(held.store)}
    assert [0, 100] == [thing.size for thing in list_caches(held.store.root)]
    assert held.store.has(held.data, 100)
    assert [] == verify(held.store)
    with held.store.open(held.data) as stream:
        assert stream.read() == DATA


def test_a_damaged_blob_leaves_its_view(held):
    """What is quarantined are the bytes, and neither the view nor the store has them any more."""
    held.views[0].joinpath("w.data").chmod(0o644)
    held.views[0].joinpath("w.data").write_bytes(b"x" * 100)
    assert [held.data] == verify(held.store)
    assert (held.store.root / "corrupt" / held.data[7:]).read_bytes() == b"x" * 100
    assert not os.path.lexists(held.store.path(held.data))
    assert not (held.views[0] / "w.data").exists()
    held.store.add_bytes(DATA)
    assert held.store.has(held.data, 100)


def test_what_is_old_goes_with_its_bytes(held):
    """Blobs and views: nothing is left in either place."""
    done = clean(held.store, set(), older_than=30 * 86400)
    assert {held.model, held.data} == {blob.digest for blob in done.removed}
    assert (2, 0) == (len(done.caches), done.kept)
    left = [path for path in held.store.root.rglob("*") if path.is_file() and path.suffix != ".sqlite"]
    assert [] == [path for path in left if path.stat().st_size >= 10]


def test_a_view_that_goes_gives_its_blob_back(held):
    """A lock names the blob, so that it stays, whichever view held it."""
    done = clean(held.store, {held.data}, older_than=30 * 86400)
    assert ([held.model], 2) == ([blob.digest for blob in done.removed], len(done.caches))
    assert not held.store.path(held.data).is_symlink()
    assert held.store.path(held.data).read_bytes() == DATA


def test_a_blob_whose_view_was_removed_by_hand_is_missing(held):
    """And can be made again."""
    (held.views[0] / "w.data").unlink()
    assert not held.store.has(held.data)
    assert [held.model] == [blob.digest for blob in list_blobs(held.store)]
    held.store.add_bytes(DATA)
    assert held.store.path(held.data).read_bytes() == DATA


def test_a_link_that_leads_out_of_the_store_is_not_followed(held, tmp_path):
    """Somebody's own file, to which they have linked a blob's name, stays."""
    theirs = tmp_path / "theirs"
    theirs.write_bytes(DATA)
    held.store.path(held.data).unlink()
    held.store.path(held.data).symlink_to(theirs)
    os.utime(theirs, (1, 1))
    clean(held.store, set(), older_than=30 * 86400)
    assert theirs.read_bytes() == DATA
