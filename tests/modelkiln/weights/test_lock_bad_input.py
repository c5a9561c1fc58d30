"""Bad input to a lock: a clear error, a whole store, nothing half-written, and a second try that goes on."""

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from components import require
from locking import Locking, opened_below, read_bytes
from loopback.hub import Hub, hub
from loopback.webs import WebFile, web
from python_path import python_path

from modelkiln.machine.settings import save_machine_env
from modelkiln.sources.local import LocalSource

MIB = 1 << 20
CONTENT = random.Random(22).randbytes(3 * MIB)


@pytest.fixture
def lock(tmp_path):
    return Locking(tmp_path)


def write_files(folder, contents):
    for path, data in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    time.sleep(0.06)  # Until their times are sure to show a change.


@contextmanager
def written_to(path):
    """Somebody appends to a file each time that it is opened, or before it is read at once."""
    opened, read = LocalSource.open, LocalSource.read

    def append(file):
        if file.path == path.name:
            with path.open("ab") as stream:
                stream.write(b"x")

    def open_it(source, file, offset=0):
        stream = opened(source, file, offset)
        append(file)
        return stream

    def read_it(source, file):
        append(file)
        return read(source, file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalSource, "open", open_it)
        patch.setattr(LocalSource, "read", read_it)
        yield


@pytest.mark.parametrize(
    "others, size",
    [({"a.bin": CONTENT[: 2 * MIB]}, 32 * MIB), ({f"m/{n:02}": CONTENT[n : n + 200_000] for n in range(40)}, 1000)],
    ids=["large", "small"],
)
def test_a_file_that_is_written_to_while_it_is_read(tmp_path, lock, capsys, others, size):
    """It is reported; when it is quiet it is read again, and no other file is."""
    write_files(tmp_path / "w", {**others, "z.bin": bytes(1) * size})
    with written_to(tmp_path / "w/z.bin"):
        lock.refuse(capsys, "w", "z.bin: ", "changed while it was read", "ock again")
    time.sleep(0.06)
    with opened_below(tmp_path / "w") as opened:
        assert 0 == lock("w")
    assert {"z.bin"} == opened
    lock.check(**others, **{"z.bin": (tmp_path / "w/z.bin").read_bytes()})


def test_a_source_that_serves_other_bytes(lock, capsys):
    """A hash that the address names is held against what comes; the second try takes the right bytes."""
    file = WebFile(CONTENT[::-1])
    with web(file) as address:
        source = f"http://{address}/m/model.bin#sha256={hashlib.sha256(CONTENT).hexdigest()}"
        lock.refuse(capsys, source, "model.bin", "sha256", "not what was pinned")
        file.content = CONTENT
        assert 0 == lock(source)
    lock.check(**{"model.bin": CONTENT})


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a//b", "a\\b"])
def test_a_listing_that_leads_out(tmp_path, lock, capsys, name):
    """Not a byte is read of a hub that names such a file; when it does no more, the model is locked."""
    repository = Hub("org/llm")
    repository.commit("main", {"config.json": b"{}"})
    repository.listed = [
        {"rfilename": "config.json", "size": 2, "blobId": "1"}, {"rfilename": name, "size": 1, "blobId": "2"},
    ]  # fmt: skip
    with hub(repository) as endpoint:
        save_machine_env(lock.store.root, {"HF_ENDPOINT": endpoint, "HOME": str(tmp_path)})
        lock.refuse(capsys, "hf://org/llm", "not a clean relative path")
        assert not any("/resolve/" in path for path, _, _ in repository.asked)
        repository.listed = None
        assert 0 == lock("hf://org/llm")
    lock.check(**{"config.json": b"{}"})


def test_a_lock_that_was_edited(tmp_path, lock, capsys):
    """--check refuses it as it is; a lock writes it anew and reads no file for that."""
    contents = {"a.bin": CONTENT, "b.json": b"{}"}
    write_files(tmp_path / "w", contents)
    assert 0 == lock("w")
    text = lock.path.read_text()
    edited = json.loads(text)
    edited["layers"][0]["digest"] = f"sha256:{'0' * 64}"
    lock.path.write_text(json.dumps(edited))
    assert 1 == lock("w", "--check")
    assert "was edited" in capsys.readouterr().err
    assert json.dumps(edited) == lock.path.read_text()
    before = read_bytes()
    assert 0 == lock("w")
    assert MIB > read_bytes() - before
    assert "was edited" in capsys.readouterr().err
    assert text == lock.path.read_text()
    lock.check(**contents)


def test_a_name_that_is_no_text(tmp_path, lock, capsys):
    """A lock is a text, and so are the paths in it."""
    write_files(tmp_path / "w", {"a": b"1"})
    bad = os.fsencode(tmp_path / "w") + b"/b\xff"
    with open(bad, "wb") as stream:
        stream.write(b"2")
    lock.refuse(capsys, "w", "b\\udcff", "UTF-8")
    os.unlink(bad)
    assert 0 == lock("w")
    lock.check(a=b"1")


_ON_A_SMALL_DISK = """
import contextlib, io, json, subprocess, sys
from pathlib import Path
from locking import Locking, left_behind, opened_below

def disk(*options):
    subprocess.run(["mount", "-t", "tmpfs", *options, "none", lock.store.root], check=True)

lock = Locking(Path(sys.argv[1]))
lock.store.root.mkdir()
disk("-o", "size=8m")
errors = io.StringIO()
with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(errors):
    codes = [lock("w")]
    left, is_written = left_behind(lock.store), lock.path.exists()
    parts = [path.stat().st_size for path in lock.store.root.glob("partial/*")]
    disk("-o", "remount,size=64m")
    with opened_below(lock.folder / "w") as opened:
        codes.append(lock("w"))
print(json.dumps({"codes": codes, "message": errors.getvalue(), "left": left, "written": is_written, "parts": parts,
                  "opened": len(opened), "after": left_behind(lock.store)}))
"""


@pytest.mark.parametrize("count, size", [(1, 16 * MIB), (64, MIB // 4)], ids=["large", "small"])
def test_a_disk_that_is_full(tmp_path, count, size):
    """What it took stays, whole, and is not read again when there is room."""
    contents = {f"{n:02}": random.Random(n).randbytes(size) for n in range(count)}
    write_files(tmp_path / "w", contents)
    command = [require("unshare"), "-m", sys.executable, "-c", _ON_A_SMALL_DISK, tmp_path]
    env = {**os.environ, "PYTHONPATH": python_path()}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert 0 == done.returncode, done.stderr
    found = json.loads(done.stdout)
    assert [1, 0] == found["codes"], found["message"]
    assert "No space left on device while a blob was written. What was read is kept" in found["message"]
    assert ([], False, []) == (found["left"], found["written"], found["after"])
    if count == 1:
        assert 7 * MIB < found["parts"][0]
    else:
        assert count - 28 >= found["opened"]
    lock = Locking(tmp_path)
    text = lock.path.read_text()
    assert all(hashlib.sha256(data).hexdigest() in text for data in contents.values())
