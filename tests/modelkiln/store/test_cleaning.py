"""Care of the store: listing, verifying, cleaning, also while others use it and are killed."""

import json
import os
import subprocess
import sys
import threading
import time

import pytest
from python_path import python_path
from schemas import schema_problems
from steps import killed_at_every_step

from modelkiln.cli.main import main
from modelkiln.digest import sha256_bytes
from modelkiln.store.cleaning import clean, list_blobs, named_blobs, verify
from modelkiln.store.file_index import FileIndex
from modelkiln.store.store import Store
from modelkiln.store.users import Users, cleaning
from modelkiln.weights.locking import lock_weights
from modelkiln.weights.selection import WeightsSource

DAY = 86400


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def aged_blob(store, data, days):
    """A blob that was last used `days` days ago."""
    digest = store.add_bytes(data)
    then = time.time() - days * DAY
    os.utime(store.path(digest), (then, then))
    return digest


def digests(store):
    return [blob.digest for blob in list_blobs(store)]


def test_old_blobs_go_and_young_ones_stay(store):
    """What was not used for the given time is removed."""
    old, young = aged_blob(store, b"old", 40), aged_blob(store, b"young", 3)
    done = clean(store, set(), older_than=30 * DAY)
    assert [old] == [blob.digest for blob in done.removed]
    assert [young] == digests(store)


def test_the_longest_unused_go_first(store):
    """A limit of size removes blobs by their last use until the rest fits."""
    blobs = [aged_blob(store, bytes([number]) * 10, 10 - number) for number in range(5)]
    done = clean(store, set(), max_bytes=25)
    assert blobs[:3] == [blob.digest for blob in done.removed]
    assert (20, sorted(blobs[3:])) == (done.kept, digests(store))


def test_what_a_lock_names_stays(store, tmp_path, monkeypatch, capsys):
    """Locks and records below the current folder are found by themselves; so are pip's locks."""
    named = [aged_blob(store, name.encode(), 99) for name in ("lock", "record", "wheel")]
    other = aged_blob(store, b"other", 99)
    repo = tmp_path / "repo"
    (repo / "a").mkdir(parents=True)
    (repo / "a" / "w.lock.json").write_text(f'{{"sha256": "{named[0][7:]}"}}')
    (repo / "a" / "p.package.json").write_text(f'{{"digest": "{named[1]}"}}')
    (repo / "req.txt").write_text(f"x==1 --hash={named[2]}\n")
    monkeypatch.chdir(repo)
    assert 0 == main(["store", "gc", "--older-than=1d", f"--store={store.root}"])
    assert sorted(named) == digests(store)
    assert f"removed {other}" in capsys.readouterr().out


def test_a_lock_is_found_whatever_it_is_called(store, tmp_path, monkeypatch):
    """One of weights under any name that ends in .json, and a pointer of Git LFS, which is a lock, too."""
    (tmp_path / "repo/w").mkdir(parents=True)
    (tmp_path / "repo/w/model.bin").write_bytes(b"weights")
    lock = lock_weights(WeightsSource("w", tmp_path / "repo", "x:w"), store)
    (tmp_path / "repo/pinned.json").write_text(lock.to_text())
    (locked,) = digests(store)
    os.utime(store.path(locked), (0, 0))
    pointed, other = aged_blob(store, b"pointed", 99), aged_blob(store, b"other", 99)
    text = f"version https://git-lfs.github.com/spec/v1\noid {pointed}\nsize 7\n"
    (tmp_path / "repo/model.onnx").write_text(text)
    (tmp_path / "repo/data.json").write_text(f'{{"digest": "{other}"}}')
    monkeypatch.chdir(tmp_path / "repo")
    assert 0 == main(["store", "gc", "--older-than=1d", f"--store={store.root}"])
    assert sorted([locked, pointed]) == digests(store)


def test_a_blob_of_many_files_stays_with_any_of_them(store, tmp_path):
    """Small files lie in one blob, which stays while a lock names one of them, and then goes."""
    files = {f"{number}.txt": b"%d" % number for number in range(20)}
    (tmp_path / "w").mkdir()
    for name, data in files.items():
        (tmp_path / "w" / name).write_bytes(data)
    lock_weights(WeightsSource("w", tmp_path, "x:w"), store)
    (blob,) = digests(store)
    os.utime(store.path(blob), (0, 0))
    assert [] == clean(store, {sha256_bytes(b"7")}, older_than=DAY).removed
    assert [blob] == [one.digest for one in clean(store, set(), older_than=DAY).removed]
    assert [] == digests(store) + FileIndex(store.root).files_in(blob)


def test_keep_takes_globs(store, tmp_path, monkeypatch):
    """--keep names the locks, and one that matches nothing is refused."""
    kept = aged_blob(store, b"kept", 99)
    (tmp_path / "x.json").write_text(kept)
    monkeypatch.chdir(tmp_path)
    assert 1 == main(["store", "gc", "--older-than=1d", "--keep=nothing*", f"--store={store.root}"])
    assert 0 == main(["store", "gc", "--older-than=1d", "--keep=*.json", f"--store={store.root}"])
    assert [kept] == digests(store)
    assert {kept} == named_blobs([tmp_path / "x.json"])


def test_a_trial_removes_nothing(store):
    """It only reports."""
    old = aged_blob(store, b"old", 40)
    done = clean(store, set(), older_than=DAY, is_trial=True)
    assert ([old], [old]) == ([blob.digest for blob in done.removed], digests(store))


def test_a_use_makes_a_blob_young(store):
    """A process that finds a blob marks it as used."""
    used, unused = aged_blob(store, b"used", 40), aged_blob(store, b"unused", 40)
    assert store.has(used)
    assert [unused] == [blob.digest for blob in clean(store, set(), older_than=DAY).removed]


def other_process(store, code):
    """A process that has done `code` with `store` and waits."""
    code = f"import sys, time\nfrom modelkiln.store.store import Store\nstore = Store(sys.argv[1])\n{code}\n"
    child = subprocess.Popen(
        [sys.executable, "-c", code + "print('ready', flush=True)\ntime.sleep(60)", str(store.root)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": python_path()},
    )
    assert b"ready\n" == child.stdout.readline()
    return child


def test_what_a_living_process_uses_stays(store):
    """Neither age nor size removes a blob that another process relies on, until it has ended."""
    used, unused = aged_blob(store, b"used", 40), aged_blob(store, b"unused", 40)
    child = other_process(store, f"assert store.has({used!r})")
    try:
        assert [unused] == [blob.digest for blob in clean(store, set(), max_bytes=0).removed]
    finally:
        child.kill()
        child.wait()
    assert [used] == [blob.digest for blob in clean(store, set(), max_bytes=0).removed]


@pytest.mark.parametrize("behind_ns", [0, 10**9])
def test_what_is_marked_while_one_cleans_stays(store, monkeypatch, behind_ns):
    """By a process that became a user after those were listed. Files get times that are earlier than the clock's, by a
    tick of the kernel, or by more where another machine serves the store."""
    used, unused = store.add_bytes(b"used"), store.add_bytes(b"unused")
    clock = time.time_ns

    class UsersBefore(Users):
        def __init__(self, root):
            super().__init__(root)
            os.utime(store.path(used))

    monkeypatch.setattr("modelkiln.store.cleaning.Users", UsersBefore)
    monkeypatch.setattr("time.time_ns", lambda: clock() + behind_ns)
    assert [unused] == [blob.digest for blob in clean(store, set(), older_than=0, max_bytes=0).removed]
    assert [used] == digests(store)


def test_a_blob_is_not_added_while_an_equal_one_may_go(store):
    """Who cleans looks at an old blob and then removes it; a new one in its place would go, too."""
    digest = sha256_bytes(b"new")
    store.add_bytes(b"other")  # It is a user now.
    adding = threading.Thread(target=store.add_bytes, args=(b"new",))
    with cleaning(store.root):
        adding.start()
        adding.join(0.3)
        assert not store.path(digest).exists()
    adding.join()
    assert b"new" == store.path(digest).read_bytes()


def test_a_blob_that_waited_is_as_young_as_its_name(store):
    """An equal one that somebody has used meanwhile gives way to it, and that use must not be lost."""
    waiting = store.temporary_location("incoming")[0] / "waiting"
    waiting.write_bytes(b"small")
    os.utime(waiting, (1, 1))
    digest = store.add_bytes(b"small")
    used = store.path(digest).stat().st_mtime_ns
    store.name_blob(str(waiting), digest)
    assert used <= store.path(digest).stat().st_mtime_ns


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(store):
    """Temporary files and folders belong to the process whose name they bear."""
    code = (
        "import tempfile\n"
        "for kind in ('incoming', 'roots'):\n"
        "    folder, prefix = store.temporary_location(kind)\n"
        "    tempfile.mkdtemp(dir=folder, prefix=prefix)\n"
    )
    child = other_process(store, code)
    assert [] == clean(store, set()).leftovers
    child.kill()
    child.wait()
    assert ["incoming", "roots"] == [name.split("/")[0] for name in clean(store, set()).leftovers]
    assert [] == [*(store.root / "incoming").iterdir(), *(store.root / "roots").iterdir()]


def test_old_parts_and_damage_go_after_a_week(store):
    """Parts of files are there to be gone on with, damaged blobs to be looked at, but not forever."""
    for kind, name, days in (
        ("partial", "old", 8),
        ("partial", "new", 1),
        ("corrupt", "old", 8),
        ("corrupt", "new", 1),
    ):
        (store.root / kind).mkdir(parents=True, exist_ok=True)
        path = store.root / kind / name
        path.write_bytes(b"x")
        os.utime(path, (time.time() - days * DAY,) * 2)
    assert ["partial/old", "corrupt/old"] == clean(store, set()).leftovers


def test_damaged_blobs_are_found(store, capsys):
    """verify reads everything, sets damage aside and says so."""
    whole, damaged = store.add_bytes(b"whole"), store.add_bytes(b"damaged")
    store.path(damaged).chmod(0o644)
    store.path(damaged).write_bytes(b"DAMAGED")
    assert 1 == main(["store", "verify", f"--store={store.root}"])
    assert damaged in capsys.readouterr().out
    assert ([whole], []) == (digests(store), verify(store))


def test_damage_and_what_was_removed_are_printed_for_programs(store, tmp_path, monkeypatch, capsys):
    """As JSON, with the exit codes of what people read."""
    damaged, old = store.add_bytes(b"damaged"), aged_blob(store, b"old", 3)
    store.path(damaged).chmod(0o644)
    store.path(damaged).write_bytes(b"DAMAGED")
    assert 1 == main(["store", "verify", "--json", f"--store={store.root}"])
    found = json.loads(capsys.readouterr().out)
    assert ([], [damaged]) == (schema_problems("store-verify", found), found["damaged"])
    monkeypatch.chdir(tmp_path)
    assert 0 == main(["store", "gc", "--json", "--older-than=1d", f"--store={store.root}"])
    found = json.loads(capsys.readouterr().out)
    assert ([], [{"digest": old, "size": 3}]) == (schema_problems("store-gc", found), found["blobs"])


def test_the_list_shows_digest_size_and_use(store, capsys):
    """One line a blob, and the sum."""
    digest = store.add_bytes(b"blob")
    assert 0 == main(["store", "list", f"--store={store.root}"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{digest}                4  2")
    assert f"{store.root}: 1 blob, 4 bytes" == lines[1]


def test_cleaning_that_is_killed_at_any_step_leaves_a_whole_store(store):
    """After kill -9 at every step on the file system each blob is whole or gone, what is kept is
    there, and the next cleaning goes on."""
    for number in killed_at_every_step(lambda: clean(store, {kept(store)}, max_bytes=0)):
        assert kept(store) in digests(store), number
        assert all(sha256_bytes(store.path(digest).read_bytes()) == digest for digest in digests(store))
        prepare(store)
    assert [kept(store)] == digests(store)


def kept(store):
    return sha256_bytes(b"kept")


def prepare(store):
    for data in (b"kept", b"one", b"two"):
        aged_blob(store, data, 40)
    (store.root / "incoming").mkdir(exist_ok=True)
    (store.root / "incoming" / "0000-dead").write_bytes(b"half")


@pytest.fixture(autouse=True)
def prepared(store, request):
    if "killed" in request.node.name:
        prepare(store)
