"""Locking a model artifact: each byte once, resumable, and nothing half-written."""

import errno
import hashlib
import json
import os
import pickle
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import pytest
from python_path import python_path
from samples import scripted_source
from samples.scripted_source import Script
from steps import killed_at_every_step

from modelkiln.checks.allowed import NOTHING, Allowed
from modelkiln.cli.main import main
from modelkiln.digest import sha256_stream
from modelkiln.errors import ModelkilnError
from modelkiln.layers.recipe import open_layer
from modelkiln.layers.weights import locked_layers
from modelkiln.layers.weights_files import models_folder
from modelkiln.sources.source import SCHEMES, SourceFile
from modelkiln.store.cleaning import list_blobs
from modelkiln.store.store import Store
from modelkiln.weights.lock import load_weights_lock
from modelkiln.weights.locking import lock_weights
from modelkiln.weights.selection import WeightsSource

MIB = 1 << 20


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def script(monkeypatch):
    """A source that does what it is asked; its URI is scripted:x."""
    monkeypatch.setitem(SCHEMES, "scripted", "samples.scripted_source")
    monkeypatch.setattr("modelkiln.network.http.RETRY_WAITS", ())
    monkeypatch.setattr("modelkiln.sources.transfer.RETRY_WAITS", (0, 0))
    made = Script({"a.bin": bytes(range(256)) * 8192, "b.json": b"{}"})
    scripted_source.scripts["scripted:x"] = made
    return made


def wanted(uri, folder=Path(), **more):
    return WeightsSource(str(uri), Path(folder), "models/x:w", **more)


def write_files(folder, **files):
    for name, data in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    time.sleep(0.06)  # Until their times are sure to show a change.


def check_bytes(lock, store):
    """Each layer of the lock is made of the store's blobs, and has its digest."""
    for layer in locked_layers(lock, "t"):
        with open_layer(layer, store) as stream:
            assert (layer.descriptor.digest, layer.descriptor.size) == sha256_stream(stream)


def noise(size):
    """Bytes of no known format: random ones may begin as a pickle does, and then a check reads up to a megabyte."""
    return b"\0" + os.urandom(size - 1)


def read_bytes():
    """Bytes that this process has asked the kernel for (proc(5), /proc/PID/io, rchar)."""
    return int(Path("/proc/self/io").read_text().split()[1])


def test_a_folder_becomes_files_and_layers(tmp_path, store):
    """Paths, sizes and hashes are those of the files; layers have the digests of their tars."""
    write_files(tmp_path / "w", big=noise(65 * MIB), sub__small=b"s", sub__other=b"o" * 3000)
    lock = lock_weights(wanted("w", tmp_path), store)
    assert {"big": 65 * MIB, "sub/small": 1, "sub/other": 3000} == {file.path: file.size for file in lock.files}
    assert [("big",), ("sub/other", "sub/small")] == [layer.files for layer in lock.layers]
    sums = {file.path: hashlib.sha256((tmp_path / "w" / file.path).read_bytes()).hexdigest() for file in lock.files}
    assert sums == {file.path: file.sha256 for file in lock.files}
    check_bytes(lock, store)
    assert lock == load_weights_lock(lock.to_text(), "x")


def test_a_second_lock_reads_nothing(tmp_path, store):
    """Unchanged files are known by where they lie, their size and their times."""
    write_files(tmp_path / "w", big=noise(8 * MIB), small=b"s" * 500_000)
    first = lock_weights(wanted("w", tmp_path), store)
    before = read_bytes()
    assert first == lock_weights(wanted("w", tmp_path), store)
    assert 200_000 > read_bytes() - before


def many(count=40):
    return {f"many__{number}": b"%d" % number * (number + 1) for number in range(count)}


def test_small_files_become_one_blob(tmp_path, store):
    """Many small files are stored once, as the tar that is their layer, and read from it by their place."""
    write_files(tmp_path / "w", big=noise(65 * MIB), **many())
    lock = lock_weights(wanted("w", tmp_path), store)
    small = lock.layers[1]
    assert [f"sha256:{lock.files[0].sha256}", small.digest] == sorted(
        (blob.digest for blob in list_blobs(store)), key=lambda digest: digest == small.digest
    )
    check_bytes(lock, store)
    with models_folder(locked_layers(lock, "t"), store) as folder:
        models = folder.path
        found = {path.name: path.read_bytes() for path in (models / "many").iterdir()}
    assert {name.partition("__")[2]: data for name, data in many().items()} == found
    before = read_bytes()
    assert lock == lock_weights(wanted("w", tmp_path), store)
    assert 300_000 > read_bytes() - before


@pytest.mark.parametrize("count", [3, 30])
def test_files_that_share_a_layer_are_read_once(tmp_path, store, count):
    """They and their layer are hashed in one pass, whether they are small or not; each of the larger ones is a blob."""
    contents = {f"big__{n}": noise((3 + n) * MIB) for n in range(4)}
    write_files(tmp_path / "w", **contents, **many(count), a=b"a", z=b"z" * 999_999)
    before = read_bytes()
    lock = lock_weights(wanted("w", tmp_path), store)
    copied = sum(file.size for file in lock.files if file.size > MIB)
    assert MIB > read_bytes() - before - lock.size - copied
    assert 1 == len(lock.layers)
    assert 4 + (1 if count == 30 else count + 2) == len(list(list_blobs(store)))
    check_bytes(lock, store)
    assert lock == lock_weights(wanted("w", tmp_path), store)
    assert set() == {hashlib.sha256(data).hexdigest() for data in contents.values()} - {
        blob.digest[7:] for blob in list_blobs(store)
    }


def test_a_changed_small_file_is_cheap(tmp_path, store):
    """It alone is read and stored, next to the blob that holds the others."""
    write_files(tmp_path / "w", **many())
    first = lock_weights(wanted("w", tmp_path), store)
    write_files(tmp_path / "w", many__7=b"changed")
    second = lock_weights(wanted("w", tmp_path), store)
    changed = {file.sha256 for file in second.files} - {file.sha256 for file in first.files}
    assert {f"sha256:{name}" for name in changed} | {first.layers[0].digest} == {
        blob.digest for blob in list_blobs(store)
    }
    check_bytes(second, store)
    assert second == lock_weights(wanted("w", tmp_path), Store(tmp_path / "other"))


def test_small_files_are_found_without_what_was_learnt(tmp_path, store):
    """A lock's layer records where its files are; others are read again when the database is gone."""
    write_files(tmp_path / "w", **many())
    first = lock_weights(wanted("w", tmp_path), store)
    write_files(tmp_path / "w", many__7=b"changed")
    second = lock_weights(wanted("w", tmp_path), store)
    (store.root / "seen.sqlite").unlink()
    check_bytes(first, store)
    with models_folder(locked_layers(first, "t"), store) as folder:
        models = folder.path
        assert b"11" == (models / "many/1").read_bytes()
    assert second == lock_weights(wanted("w", tmp_path), store)
    check_bytes(second, store)


def test_what_was_read_before_an_error_is_not_read_again(tmp_path, store):
    """A bad file among many small ones costs one file more, and no other is read a second time."""
    write_files(tmp_path / "w", many__99=b"\x80\x04cos\nsystem\n.", **many())
    with pytest.raises(ModelkilnError, match="many/99: is a pickle"):
        lock_weights(wanted("w", tmp_path), store)
    assert 1 == len(list(list_blobs(store)))
    write_files(tmp_path / "w", many__99=b"good")
    lock = lock_weights(wanted("w", tmp_path), store)
    assert 2 == len(list(list_blobs(store)))
    check_bytes(lock, store)


def test_a_changed_shard_changes_one_layer(tmp_path, store):
    """The other layers keep their digests, and only the changed file is read."""
    write_files(tmp_path / "w", **{f"shard{n}": noise(64 * MIB) for n in range(2)}, config=b"{}")
    before = lock_weights(wanted("w", tmp_path), store)
    write_files(tmp_path / "w", config=b"{1}")
    count = read_bytes()
    after = lock_weights(wanted("w", tmp_path), store)
    assert 300_000 > read_bytes() - count
    assert 1 == len({layer.digest for layer in after.layers} - {layer.digest for layer in before.layers})
    check_bytes(after, store)


def test_include_and_exclude_choose_files(tmp_path, store):
    """Patterns choose by name or path; they are in the lock."""
    write_files(tmp_path / "w", a__x_bin=b"1", a__y_txt=b"2", x_bin=b"3", z=b"4")
    lock = lock_weights(wanted("w", tmp_path, include=("*_bin", "a/"), exclude=("/x_bin",)), store)
    assert ["a/x_bin", "a/y_txt"] == [file.path for file in lock.files]
    assert (["*_bin", "a/"], ["/x_bin"]) == (lock.source["include"], lock.source["exclude"])
    with pytest.raises(ModelkilnError, match=r"models/x:w: the pattern 'q\*' matches none of 4 files"):
        lock_weights(wanted("w", tmp_path, include=("q*",)), store)
    with pytest.raises(ModelkilnError, match="leave none"):
        lock_weights(wanted("w", tmp_path, exclude=("*",)), store)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda folder: (folder / "empty").touch(), "empty: is empty"),
        (lambda folder: os.mkfifo(folder / "pipe"), "pipe: is not a regular file"),
        (lambda folder: os.symlink(folder, folder / "loop"), "link to a folder above"),
        (lambda folder: os.symlink("nowhere", folder / "gone"), "No such file"),
    ],
)
def test_what_is_no_file_of_weights_is_refused(tmp_path, store, make, message):
    """Empty files, pipes and links that lead nowhere or back are reported by name."""
    write_files(tmp_path / "w", a=b"1")
    make(tmp_path / "w")
    with pytest.raises(ModelkilnError, match=message):
        lock_weights(wanted("w", tmp_path), store)
    assert [] == list(list_blobs(store))


def test_a_source_that_is_not_there_is_reported(tmp_path, store):
    """The target, the path and what is wrong."""
    with pytest.raises(ModelkilnError, match="models/x:w: source 'gone': .*gone: No such file or directory"):
        lock_weights(wanted("gone", tmp_path), store)


@pytest.mark.parametrize("path", ["../a", "/etc/passwd", "a/../../b", "a//b", "", "a\\b"])
def test_a_listing_that_leads_out_is_refused(store, script, path):
    """A remote listing cannot name a file outside of the package."""
    script.listed = [SourceFile(path, 1)]
    with pytest.raises(ModelkilnError, match="not a clean relative path"):
        lock_weights(wanted("scripted:x"), store)


def test_a_path_that_is_listed_twice_is_refused(store, script):
    """So is a file that is also a folder."""
    script.listed = [SourceFile("a", 1), SourceFile("a", 2)]
    with pytest.raises(ModelkilnError, match="lists 'a' twice"):
        lock_weights(wanted("scripted:x"), store)
    script.listed = [SourceFile("a", 1), SourceFile("a/b", 2)]
    with pytest.raises(ModelkilnError, match="both a file and a folder"):
        lock_weights(wanted("scripted:x"), store)


@pytest.mark.parametrize("size", [1000, 3 * MIB])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, store, monkeypatch, size):
    """Its times show it; a second try, when it is quiet, works."""
    write_files(tmp_path / "w", a=b"1" * size)

    def open_and_write(path, flags):
        opened = os.open(path, flags)
        (tmp_path / "w" / "a").write_bytes(b"2" * size)
        return opened

    with monkeypatch.context() as patch:
        patch.setattr("modelkiln.sources.local._open_at_once", open_and_write)
        with pytest.raises(ModelkilnError, match="a: was changed while it was read"):
            lock_weights(wanted("w", tmp_path), store)
    lock = lock_weights(wanted("w", tmp_path), store)
    assert hashlib.sha256(b"2" * size).hexdigest() == lock.files[0].sha256


@pytest.mark.parametrize(
    "listed, message",
    [
        (SourceFile("a.bin", 2 * MIB + 1, version="1"), "want 2097153|after 2097152 of 2097153"),
        (SourceFile("a.bin", 2 * MIB - 1, version="1"), "more than the 2097151 bytes"),
        (SourceFile("a.bin", 2 * MIB, "0" * 64, version="1"), "want 0000"),
        (SourceFile("b.json", 3, version="1"), "got 2 bytes"),
        (SourceFile("b.json", 1, version="1"), "got 2 bytes"),
        (SourceFile("b.json", 2, "0" * 64, version="1"), "got 2 bytes with sha256"),
    ],
)
def test_fewer_more_or_other_bytes_are_refused(store, script, listed, message):
    """What a source serves has to be what it listed; nothing of it becomes a blob."""
    script.listed = [listed]
    with pytest.raises(ModelkilnError, match=message):
        lock_weights(wanted("scripted:x"), store)
    assert [] == list(list_blobs(store))
    script.listed = None
    check_bytes(lock_weights(wanted("scripted:x"), store), store)


class Cut:
    """A stream that is cut after some bytes."""

    def __init__(self, stream, after):
        self._stream, self._left = stream, after

    def read(self, size):
        if self._left <= 0:
            raise ConnectionResetError("reset by peer")
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data

    def __enter__(self):
        return self

    def __exit__(self, *details):
        pass


def test_a_cut_is_taken_up_where_it_was(store, script):
    """A connection that is cut again and again is gone on with, each time from the last byte."""
    script.wrap = lambda stream: Cut(stream, MIB // 2)
    check_bytes(lock_weights(wanted("scripted:x"), store), store)
    assert [0, MIB // 2, MIB, 3 * MIB // 2] == [at for path, at in script.opened if path == "a.bin"][:4]


def test_a_part_outlives_its_lock(store, script):
    """What was read before a failure is not read again by the next try, and only of this version."""
    tries = iter([MIB, 0, 0, 0])
    script.wrap = lambda stream: Cut(stream, next(tries, 0)) if len(stream.getvalue()) > 2 else stream
    with pytest.raises(ModelkilnError, match=r"a.bin: reset by peer after 1048576 bytes.*goes on there"):
        lock_weights(wanted("scripted:x"), store)
    script.wrap, script.opened = (lambda stream: stream), []
    check_bytes(lock_weights(wanted("scripted:x"), store), store)
    assert ("a.bin", MIB) in script.opened


def test_files_are_read_at_the_same_time(store, script):
    """Those of a remote source are not waited for one after the other."""
    script.files = {f"f{number}": bytes([number]) * (2 * MIB) for number in range(4)}
    all_open = threading.Barrier(4, timeout=20)

    def wrap(stream):
        all_open.wait()
        return stream

    script.wrap = wrap
    check_bytes(lock_weights(wanted("scripted:x"), store), store)


def test_a_file_alone_in_its_layer_is_read_once(tmp_path, store):
    """The kernel copies it, and it and its layer are hashed in one pass over the copy."""
    write_files(tmp_path / "w", big=noise(64 * MIB))
    before = read_bytes()
    lock = lock_weights(wanted("w", tmp_path), store)
    assert MIB > read_bytes() - before - 2 * lock.size
    check_bytes(lock, store)


@pytest.mark.parametrize("copied", [0, 3 * MIB // 2])
def test_what_the_kernel_does_not_copy_is_read_and_written(tmp_path, store, monkeypatch, copied):
    """From the first byte on, as between two file systems, or from where it stopped: the same lock."""
    write_files(tmp_path / "w", big=noise(4 * MIB + 1), small=b"s")
    expected = lock_weights(wanted("w", tmp_path), Store(tmp_path / "other"))
    copy = os.copy_file_range

    def copy_some(source, target, count, offset_src, offset_dst):
        if offset_src >= copied:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return copy(source, target, min(count, copied - offset_src), offset_src, offset_dst)

    monkeypatch.setattr(os, "copy_file_range", copy_some)
    assert expected == lock_weights(wanted("w", tmp_path), store)
    check_bytes(expected, store)


def test_holes_take_no_room_in_the_store(tmp_path, store):
    """Between bytes and at the end: a blob has no more blocks than what was locked."""
    path = tmp_path / "w"
    with path.open("wb") as stream:
        for start in (0, 8 * MIB):
            stream.seek(start)
            stream.write(b"\1" * MIB)
        stream.truncate(20 * MIB)
    time.sleep(0.06)  # Until its times are sure to show a change.
    lock = lock_weights(wanted("w", tmp_path), store)
    blob = store.path(f"sha256:{lock.files[0].sha256}")
    assert 3 * MIB > blob.stat().st_blocks * 512
    check_bytes(lock, store)


def test_sizes_may_be_unknown(store, script):
    """A source that does not state sizes is read to its end."""
    script.sizes = False
    lock = lock_weights(wanted("scripted:x"), store)
    assert [2 * MIB, 2] == [file.size for file in lock.files]
    check_bytes(lock, store)


def test_what_the_lock_says_already_is_not_fetched(tmp_path, store, script):
    """On another machine an unchanged source is looked into for the checks, and nothing of it is stored, though the
    store is empty; a changed one is, as far as it changed."""
    first = lock_weights(wanted("scripted:x"), store)
    other = Store(tmp_path / "other")
    assert first == lock_weights(wanted("scripted:x"), other, first)
    assert [] == list(list_blobs(other))
    script.listed = [SourceFile("a.bin", 2 * MIB, version="1"), SourceFile("b.json", 3, version="2")]
    script.files["b.json"] = b"[1]"
    check_bytes(lock_weights(wanted("scripted:x"), other, first), other)


def lock_arguments(tmp_path, store):
    """The step that locks `w`."""
    arguments = ["build", "lock-weights", "--source=w", f"--folder={tmp_path}", "--where=models/x:w"]
    return [*arguments, f"--store={store.root}", str(tmp_path / "w.lock.json")]


def run_with_file_limit(arguments, limit):
    """Run the command in a process whose files may have `limit` bytes, as on a disk that gets full."""
    command = (
        "import resource, signal, sys\n"
        "from modelkiln.cli.main import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    env = {**os.environ, "PYTHONPATH": python_path()}
    return subprocess.run(
        [sys.executable, "-c", command, *arguments], capture_output=True, text=True, env=env, check=False
    )


def test_a_full_disk_is_reported_and_gone_on_with(tmp_path, store):
    """ENOSPC and the like name the store; the part stays, and the second try goes on there."""
    write_files(tmp_path / "w", a=noise(4 * MIB))
    arguments = lock_arguments(tmp_path, store)
    done = run_with_file_limit(arguments, 2 * MIB)
    assert 1 == done.returncode
    assert "File too large while a blob was written. What was read is kept" in done.stderr
    assert not (tmp_path / "w.lock.json").exists()
    assert [2 * MIB] == [path.stat().st_size for path in (store.root / "partial").iterdir()]
    assert 0 == main(arguments)
    check_bytes(load_weights_lock((tmp_path / "w.lock.json").read_text(), "x"), store)


def test_a_full_disk_keeps_small_files_that_it_took(tmp_path, store):
    """Of many small files those that were written stay, as a blob; the second try reads the others."""
    write_files(tmp_path / "w", **{f"f{number:02}": noise(MIB // 2) for number in range(40)})
    arguments = lock_arguments(tmp_path, store)
    done = run_with_file_limit(arguments, 6 * MIB)
    assert (1, False) == (done.returncode, (tmp_path / "w.lock.json").exists()), done.stderr
    assert "File too large while a blob was written. What was read is kept" in done.stderr
    (blob,) = list_blobs(store)
    assert store.verify(blob.digest)
    assert 0 == main(arguments)
    (rest,) = (one for one in list_blobs(store) if one != blob and one.digest != blob.digest)
    assert (True, 20 * MIB) == (blob.size > 5 * MIB, (blob.size + rest.size) // MIB * MIB)
    check_bytes(load_weights_lock((tmp_path / "w.lock.json").read_text(), "x"), store)


def test_a_lock_that_is_killed_at_any_step_can_be_made_again(tmp_path, store):
    """After kill -9 at every step on the file system no blob and no lock is half-written, and the
    next try gives the same lock."""
    write_files(tmp_path / "w", a=noise(2 * MIB), b=b"b", c__d=b"d" * 5000, **many(20))
    path = tmp_path / "w.lock.json"
    arguments = ["build", "lock-weights", "--source=w", f"--folder={tmp_path}", "--where=models/x:w"]
    arguments += [f"--store={store.root}", str(path)]
    expected = lock_weights(wanted("w", tmp_path), Store(tmp_path / "other")).to_text()
    steps = 0
    for number in killed_at_every_step(lambda: main(arguments), stride=2):
        steps = number
        assert not path.exists() or expected == path.read_text(), number
        for blob in list_blobs(store):
            assert store.verify(blob.digest), number
        if number % 3 == 0:  # Now and then from the start, else from where the last one ended.
            subprocess.run(["rm", "-rf", store.root, path], check=True)
    assert steps > 20
    assert expected == path.read_text()
    check_bytes(load_weights_lock(expected, "x"), store)


def test_check_reports_what_differs_and_writes_nothing(tmp_path, store, capsys):
    """--check compares files, patterns and layers with the lock."""
    write_files(tmp_path / "w", a=b"1", b=b"2")
    path = tmp_path / "w.lock.json"
    arguments = ["build", "lock-weights", "--source=w", f"--folder={tmp_path}", "--where=models/x:w"]
    arguments += [f"--store={store.root}"]
    assert 0 == main([*arguments, str(path)])
    assert 0 == main([*arguments, "--check", str(path)])
    text = path.read_text()
    write_files(tmp_path / "w", a=b"9", c=b"3")
    (tmp_path / "w" / "b").unlink()
    assert 1 == main([*arguments, "--check", "--exclude=z", str(path)])
    output = capsys.readouterr().out
    for piece in ("a: has sha256", "b: is in the lock and no longer", "c: is not in the lock", "exclude: is ['z']"):
        assert piece in output
    assert text == path.read_text()


def test_a_broken_lock_is_written_anew(tmp_path, store, capsys):
    """One that was edited by hand is reported, and replaced."""
    write_files(tmp_path / "w", a=b"1")
    path = tmp_path / "w.lock.json"
    arguments = ["build", "lock-weights", "--source=w", f"--folder={tmp_path}", "--where=models/x:w"]
    arguments += [f"--store={store.root}", str(path)]
    assert 0 == main(arguments)
    text = path.read_text()
    content = json.loads(text)
    content["files"][0]["sha256"] = "0" * 64
    path.write_text(json.dumps(content))
    assert 0 == main(arguments)
    assert "was edited" in capsys.readouterr().err
    assert text == path.read_text()


def test_missing_files_come_back_from_where_they_were(tmp_path, store):
    """A blob that went missing is read again from its path on this machine, if it is the same."""
    write_files(tmp_path / "w", a=b"1" * 2000, b=noise(2 * MIB))
    lock = lock_weights(wanted("w", tmp_path), store)
    for file in lock.files:
        store.path(f"sha256:{file.sha256}").unlink()
    check_bytes(lock, store)
    store.path(f"sha256:{lock.files[0].sha256}").unlink()
    write_files(tmp_path / "w", a=b"2" * 2000)
    with pytest.raises(ModelkilnError, match="a: is neither in the store"):
        check_bytes(lock, store)


def test_files_are_checked_when_they_are_locked(tmp_path, store, capsys):
    """Broken files and pickles are refused before there is a lock; formats are in it."""
    import pickle
    import struct

    header = b'{"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}'
    write_files(tmp_path / "w", m_safetensors=b"", model=pickle.dumps(OrderedDict()))
    os.rename(tmp_path / "w/m_safetensors", tmp_path / "w/m.safetensors")
    (tmp_path / "w/m.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"1")
    arguments = ["build", "lock-weights", "--source=w", f"--folder={tmp_path}", "--where=models/x:w"]
    arguments += [f"--store={store.root}", str(tmp_path / "w.lock.json")]
    assert 1 == main(arguments)
    assert "models/x:w: m.safetensors: not a valid safetensors file" in capsys.readouterr().err
    (tmp_path / "w/m.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"12")
    assert 1 == main(arguments)
    assert "models/x:w: model" in capsys.readouterr().err
    assert not (tmp_path / "w.lock.json").exists()
    assert 0 == main([*arguments, "--pickles", "--allow-pickle=collections.OrderedDict"])
    lock = load_weights_lock((tmp_path / "w.lock.json").read_text(), "x")
    assert {"m.safetensors": "safetensors", "model": "pickle"} == {file.path: file.format for file in lock.files}


def test_a_lock_remembers_which_pickles_were_allowed(tmp_path, store):
    """A target that allows less than its lock was made with is refused until it is locked again."""
    write_files(tmp_path / "w", a=b"1", b=pickle.dumps(OrderedDict(), 4))
    names = ("collections.OrderedDict",)
    lock = lock_weights(wanted("w", tmp_path), store, allowed=Allowed(names))
    assert lock == load_weights_lock(lock.to_text(), "x")
    lock.check_allowed(Allowed(names), "models/x:w")
    lock.check_allowed(Allowed((*names, "demo.More")), "models/x:w")
    with pytest.raises(ModelkilnError, match=r"models/x:w: its lock allows pickles \(b\).*pants lock models/x:w"):
        lock.check_allowed(NOTHING, "models/x:w")
    with pytest.raises(ModelkilnError, match=r"allows pickles \(collections.OrderedDict\)"):
        lock.check_allowed(Allowed(()), "models/x:w")
    old = replace(lock, allowed=NOTHING)
    assert "allow_pickle" not in old.to_text()
    old.check_allowed(Allowed(()), "models/x:w")
    with pytest.raises(ModelkilnError, match=r"allows pickles \(b\)"):
        old.check_allowed(NOTHING, "models/x:w")
