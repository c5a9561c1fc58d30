"""Git LFS pointers as locks: what they stand for is fetched, and found for files that are checked out."""

import hashlib
import json
import os
import subprocess

import pytest
from components import require
from loopback.lfs_server import lfs_server

from modelkiln.cli.main import main
from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import save_machine_env
from modelkiln.store.store import Store
from modelkiln.weights.pointers import committed_pointers, fetch_pointers

DATA = b"weights" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def checkout(tmp_path):
    """A folder that git-lfs has committed a model of, and the bytes in its work tree."""
    require("git-lfs")
    folder = tmp_path / "work"
    git(tmp_path, "init", "-q", "work")
    with lfs_server() as server:
        git(folder, "lfs", "install", "--local")
        git(folder, "lfs", "track", "*.bin")
        git(folder, "config", "lfs.url", f"http://{server.address}/x")
        (folder / "sub").mkdir()
        (folder / "sub/model.bin").write_bytes(DATA)
        (folder / "plain.txt").write_bytes(DATA)
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", "A model")
        server.add(DATA)
        yield folder


def git(folder, *arguments):
    names = {f"GIT_{who}_{what}": "t@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), **names}
    subprocess.run([require("git"), *arguments], cwd=folder, env=env, check=True, capture_output=True)


def found(checkout, *paths):
    env = {"PATH": os.environ["PATH"], "HOME": str(checkout)}
    return {one.path: (one.sha256, one.size) for one in committed_pointers(paths, checkout, env)}


def test_a_checked_out_file_is_known_by_what_is_committed(checkout):
    """Its pointer is git's; a file of git itself has none."""
    assert {"sub/model.bin": (SHA256, len(DATA))} == found(checkout, "sub/model.bin", "plain.txt")


def test_a_changed_file_is_not_what_is_committed(checkout):
    """Neither with another size nor with other bytes."""
    (checkout / "sub/model.bin").write_bytes(DATA[::-1])
    assert {} == found(checkout, "sub/model.bin")
    (checkout / "sub/model.bin").write_bytes(DATA + b"x")
    assert {} == found(checkout, "sub/model.bin")
    (checkout / "sub/model.bin").write_bytes(DATA)
    assert ["sub/model.bin"] == list(found(checkout, "sub/model.bin"))


@pytest.fixture
def pointers(tmp_path):
    path = tmp_path / "pointers.json"
    path.write_text(json.dumps([{"path": "a/m.bin", "sha256": SHA256, "size": len(DATA), "uri": "lfs:sub/model.bin"}]))
    return path


def test_files_are_put_where_their_pointers_were(checkout, pointers, tmp_path):
    """The checkout's objects come first, then its server; what the store has is not fetched."""
    store = Store(tmp_path / "store")
    save_machine_env(store.root, {"MODELKILN_CHECKOUT": str(checkout)})
    subprocess.run(["rm", "-r", checkout / ".git/lfs/objects"], check=True)
    for _ in range(2):
        arguments = [f"--pointers={pointers}", "--where=x:w", f"--store={store.root}", f"--output={tmp_path / 'files'}"]
        assert 0 == main(["build", "fetch-pointers", *arguments])
        assert DATA == (tmp_path / "files/a/m.bin").read_bytes()
        subprocess.run(["rm", "-rf", tmp_path / "files"], check=True)
        git(checkout, "config", "lfs.url", "http://127.0.0.1:1/x")


def test_an_object_that_is_nowhere_is_reported(checkout, tmp_path):
    """The file and the digest are named."""
    store = Store(tmp_path / "store")
    save_machine_env(store.root, {"MODELKILN_CHECKOUT": str(checkout)})
    missing = {"path": "m.bin", "sha256": "0" * 64, "size": 5, "uri": "lfs:sub/model.bin"}
    with pytest.raises(ModelkilnError, match=r"m\.bin: .*has no object 0000"):
        fetch_pointers([missing], store, "x:w")


def test_what_a_pointer_stands_for_is_checked(checkout, pointers, tmp_path, capsys):
    """A file in the store is held to the same rules as one of the repository."""
    store = Store(tmp_path / "store")
    save_machine_env(store.root, {"MODELKILN_CHECKOUT": str(checkout)})
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources/plain.txt").write_bytes(b"text")
    arguments = [f"--sources={tmp_path / 'sources'}", f"--pointers={pointers}", "--where=x:w"]
    arguments += [f"--store={store.root}", f"--output={tmp_path / 'found.json'}"]
    assert 0 == main(["build", "check-artifact", *arguments])
    assert ["plain.txt", "a/m.bin"] == [one["path"] for one in json.loads((tmp_path / "found.json").read_text())]
    pickled = b"cos\nsystem\n(S'true'\ntR."
    bad = store.add_bytes(pickled)
    content = json.loads(pointers.read_text())
    pointers.write_text(json.dumps([{**content[0], "sha256": bad[7:], "size": len(pickled)}]))
    assert 1 == main(["build", "check-artifact", *arguments])
    assert "x:w: a/m.bin: is a pickle" in capsys.readouterr().err
