"""Files in Git LFS, committed and pushed by git and git-lfs themselves."""

import hashlib
import os
import random
import shlex
import shutil
import subprocess

import pytest
from components import require
from loopback.lfs_server import lfs_server

from modelkiln.checks.lfs_pointer import is_pointer, parse_pointer
from modelkiln.errors import ModelkilnError
from modelkiln.network import http_file
from modelkiln.pinned_file import EMPTY_SHA256, PinnedFile
from modelkiln.sources.source import open_source
from modelkiln.store.store import Store
from modelkiln.weights.lock import load_weights_lock
from modelkiln.weights.locking import lock_weights
from modelkiln.weights.pointers import committed_pointers
from modelkiln.weights.selection import WeightsSource

WEIGHTS = random.Random(13).randbytes(300_000)
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{SHA256}\nsize {len(WEIGHTS)}\n".encode()


class Checkout:
    """A clone whose only model is a pointer, and the LFS server that it was pushed to."""

    def __init__(self, folder, server):
        self.folder, self.server = folder, server
        self.env = {"HOME": str(folder), "PATH": os.environ.get("PATH", "")}

    def git(self, *arguments, cwd=None):
        """Run git without the settings of this machine."""
        names = {f"GIT_{who}_{what}": "t@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        env = {**self.env, **names, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
        subprocess.run([require("git"), *arguments], cwd=cwd or self.folder / "clone", env=env, check=True)

    def source(self, path="model.onnx", **env):
        """The source of a pointer."""
        return open_source(f"lfs:{path}", {**self.env, **env}, self.folder / "clone")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A clone made without fetching large files."""
    monkeypatch.setattr(http_file, "_WAITS", (0.0,) * 4)
    require("git-lfs")
    with lfs_server() as server:
        found = Checkout(tmp_path, server)
        origin, work = tmp_path / "origin.git", tmp_path / "work"
        found.git("init", "-q", "--bare", str(origin), cwd=tmp_path)
        found.git("init", "-q", str(work), cwd=tmp_path)
        found.git("lfs", "install", "--local", cwd=work)
        found.git("lfs", "track", "*.onnx", cwd=work)
        (work / "model.onnx").write_bytes(WEIGHTS)
        found.git("config", "-f", ".lfsconfig", "lfs.url", f"http://{server.address}/team/models", cwd=work)
        found.git("add", ".", cwd=work)
        found.git("commit", "-q", "-m", "A model", cwd=work)
        found.git("remote", "add", "origin", str(origin), cwd=work)
        found.git("push", "-q", "origin", "HEAD:main", cwd=work)
        found.git("clone", "-q", "-b", "main", str(origin), "clone", cwd=tmp_path)
        assert {SHA256: WEIGHTS} == server.objects
        del server.asked[:]
        yield found


def read(source, file, offset=0):
    """All bytes of a file from `offset` on."""
    with source.open(file, offset) as stream:
        return stream.read()


def test_a_pointer_is_a_lock_already(checkout):
    """Hash and size are read from the checkout; the server is asked for nothing."""
    (file,) = checkout.source().list().files
    assert POINTER == (checkout.folder / "clone" / "model.onnx").read_bytes()
    assert ("model.onnx", len(WEIGHTS), SHA256) == (file.path, file.size, file.sha256)
    assert [] == checkout.server.asked


def test_an_object_is_fetched_from_the_server_of_lfsconfig(checkout):
    """The batch API is asked, and a cut download goes on where it was."""
    source = checkout.source()
    (file,) = source.list().files
    checkout.server.cuts = [100_000]
    assert WEIGHTS == read(source, file)
    assert [None, "bytes=100000-"] == [asked[2] for asked in checkout.server.asked if asked[0] == "GET"]
    assert WEIGHTS[5:] == read(source, file, 5)


def test_an_object_of_the_checkout_is_not_fetched(checkout):
    """What `git lfs fetch` brought is read from there."""
    checkout.git("lfs", "fetch")
    del checkout.server.asked[:]
    source = checkout.source()
    assert WEIGHTS[7:] == read(source, *source.list().files, 7)
    assert [] == checkout.server.asked


def test_a_remote_that_is_a_folder_has_objects(checkout):
    """Without a server, a remote on this machine is looked into."""
    target = checkout.folder / "origin.git" / "lfs" / "objects" / SHA256[:2] / SHA256[2:4]
    target.mkdir(parents=True)
    (target / SHA256).write_bytes(WEIGHTS)
    source = checkout.source()
    assert WEIGHTS == read(source, *source.list().files)
    assert [] == checkout.server.asked


@pytest.mark.parametrize("how", ["netrc", "helper", "url"])
def test_gits_logins_are_used(checkout, how):
    """~/.netrc, credential helpers, and a login in git's own configuration of the remote."""
    checkout.server.login = "me:secret"
    if how == "netrc":
        (checkout.folder / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    elif how == "helper":
        helper = "!f() { echo username=me; echo password=secret; }; f"
        checkout.git("config", "credential.helper", helper)
    else:
        checkout.git("config", "lfs.url", f"http://me:secret@{checkout.server.address}/team/models")
        checkout.git("config", "credential.helper", "!f() { echo username=me; echo password=secret; }; f")
    source = checkout.source()
    assert WEIGHTS == read(source, *source.list().files)


def test_a_login_that_is_missing_is_reported_without_secrets(checkout):
    """A 401 names the server and how git logs in."""
    checkout.server.login = "me:secret"
    checkout.git("config", "lfs.url", f"http://me:wrong@{checkout.server.address}/team/models")
    source = checkout.source()
    with pytest.raises(ModelkilnError, match=r"401.*credential helper") as caught:
        source.open(*source.list().files)
    assert "wrong" not in str(caught.value)


def test_an_object_that_nobody_has_is_reported(checkout):
    """The server's own words are in the error."""
    checkout.server.objects.clear()
    source = checkout.source()
    with pytest.raises(ModelkilnError, match="Object does not exist.*git lfs push"):
        source.open(*source.list().files)


def test_other_bytes_of_an_object_are_refused(checkout):
    """An object of another size is not read."""
    checkout.server.objects[SHA256] = WEIGHTS[:-1]
    source = checkout.source()
    with pytest.raises(ModelkilnError, match=f"want {len(WEIGHTS)}"):
        source.open(*source.list().files)


def test_without_a_server_the_remedy_is_reported(checkout):
    """A remote that is a folder without the object leaves git lfs pull."""
    checkout.git("config", "-f", ".lfsconfig", "--unset", "lfs.url")
    source = checkout.source()
    with pytest.raises(ModelkilnError, match="git lfs pull"):
        source.open(*source.list().files)


def test_outside_of_a_checkout_the_remedy_is_reported(checkout):
    """A copy of the files without .git has no server."""
    shutil.copytree(checkout.folder / "clone", checkout.folder / "copy", ignore=shutil.ignore_patterns(".git"))
    env = {**checkout.env, "GIT_CEILING_DIRECTORIES": str(checkout.folder)}
    source = open_source("lfs:model.onnx", env, checkout.folder / "copy")
    with pytest.raises(ModelkilnError, match="not a checkout of git"):
        source.open(*source.list().files)


def test_a_checkout_of_another_user_is_named_with_the_setting_that_trusts_it(checkout):
    """Git answers as if there were no repository; nothing is wrong with the pointer."""
    clone = checkout.folder / "clone"
    foreign = {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}  # Of git's own tests; what a chown by root does.
    source = checkout.source(**foreign)
    remedy = f"git config --global --add safe.directory {shlex.quote(str(clone))}"
    with pytest.raises(ModelkilnError, match="belongs to another user") as caught:
        source.open(*source.list().files)
    assert remedy in str(caught.value)
    with pytest.raises(ModelkilnError, match="belongs to another user"):
        committed_pointers(["model.onnx"], clone, {**checkout.env, **foreign})
    subprocess.run(shlex.split(remedy), env=checkout.env, check=True)
    with checkout.source(**foreign).open(*source.list().files) as stream:
        assert WEIGHTS == stream.read()


def test_what_git_lfs_writes_is_parsed():
    """Hash and size of a pointer, also under the name that Git LFS had before."""
    assert PinnedFile("w", SHA256, len(WEIGHTS)) == parse_pointer(POINTER, "w")
    old = POINTER.replace(b"git-lfs.github", b"hawser.github")
    assert is_pointer(old)
    assert PinnedFile("w", SHA256, len(WEIGHTS)) == parse_pointer(old, "w")


@pytest.mark.parametrize(
    "data",
    [
        b"\n" + POINTER,
        b" \r\n\t\n" + POINTER + b"\n\n",
        POINTER[:-1],
        POINTER.replace(b"\n", b"\r\n"),
        POINTER.replace(b"\n", b"\n\n"),
        POINTER.replace(b"size 3", b"size +003"),
        POINTER.replace(b"https://git-lfs.github.com/spec/v1", b"http://git-media.io/v/2"),
    ],
)
def test_what_git_lfs_reads_is_parsed(tmp_path, data):
    """White space and numbers that it does not write, as its own command reads them."""
    (tmp_path / "pointer").write_bytes(data)
    subprocess.run([require("git"), "lfs", "pointer", "--check", "--file", str(tmp_path / "pointer")], check=True)
    assert is_pointer(data)
    assert PinnedFile("w", SHA256, len(WEIGHTS)) == parse_pointer(data, "w")


def test_an_empty_file_is_a_pointer_to_itself(checkout):
    """As it is for git-lfs, which stores no object for it; also where a pointer says so."""
    require("git-lfs")
    stated = POINTER.replace(SHA256.encode(), EMPTY_SHA256.encode()).replace(b"size 300000", b"size 0")
    for data in (b"", stated):
        assert PinnedFile("w", EMPTY_SHA256, 0) == parse_pointer(data, "w")
        (checkout.folder / "clone" / "none.onnx").write_bytes(data)
        source = checkout.source("none.onnx")
        (file,) = source.list().files
        assert b"" == source.open(file).read()
    assert [] == checkout.server.asked


def test_an_empty_file_of_git_lfs_is_locked(checkout, tmp_path):
    """Where git has it and Git LFS keeps it, it is meant; elsewhere it is what a failed training leaves."""
    clone = checkout.folder / "clone"
    (clone / "none.txt").touch()
    store = Store(tmp_path / "store")
    with pytest.raises(ModelkilnError, match="none.txt: is empty"):
        lock_weights(WeightsSource("none.txt", clone, "x:w"), store)
    checkout.git("lfs", "track", "*.txt")
    checkout.git("add", ".gitattributes", "none.txt")
    lock = lock_weights(WeightsSource("none.txt", clone, "x:w"), store)
    assert [("none.txt", 0, EMPTY_SHA256)] == [(file.path, file.size, file.sha256) for file in lock.files]
    assert lock == load_weights_lock(lock.to_text(), "x")
    assert [PinnedFile("none.txt", EMPTY_SHA256, 0)] == committed_pointers(["none.txt"], clone, checkout.env)
    by_pointer = lock_weights(WeightsSource("lfs:none.txt", clone, "x:w"), store)
    assert lock.set_digest == by_pointer.set_digest
    assert lock.set_digest == by_pointer.set_digest


@pytest.mark.parametrize(
    "data",
    [
        POINTER.replace(b"sha256:", b"sha512:"),
        POINTER.replace(SHA256.encode(), SHA256.upper().encode()),
        POINTER.replace(b"size 3", b"size -3"),
        POINTER.replace(b"size 3", b"size  3"),
        POINTER.replace(b"size 300000", b"size 9223372036854775808"),
        POINTER.replace(b"size 300000", b"size 0"),
        POINTER.replace(b"spec/v1", b"spec/v2"),
        POINTER.replace(b"oid", b"ext-0-x sha256:1\noid"),
        POINTER + POINTER,
        POINTER + b"x" * 1024,
    ],
)
def test_broken_pointers_are_refused(data):
    """Anything but what Git LFS writes."""
    with pytest.raises(ModelkilnError, match=r"m.onnx: is a Git LFS pointer that .*git lfs pull"):
        parse_pointer(data, "m.onnx")


def test_models_are_no_pointers():
    """Neither weights nor texts that are too long."""
    assert not is_pointer(WEIGHTS)
    assert not is_pointer(POINTER + b"x" * 1024)
