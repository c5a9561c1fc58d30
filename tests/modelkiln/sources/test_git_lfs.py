"""Files in Git LFS, committed and pushed by git and git-lfs themselves."""

import hashlib
import os
import random
import shutil
import subprocess

import pytest
from components import require
from loopback.lfs_server import lfs_server

from modelkiln.errors import ModelkilnError
from modelkiln.network import http_file
from modelkiln.pinned_file import PinnedFile
from modelkiln.sources.lfs_pointer import is_pointer, parse_pointer
from modelkiln.sources.source import open_source

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


def test_what_git_lfs_writes_is_parsed():
    """Hash and size of a pointer, also under the name that Git LFS had before."""
    assert PinnedFile("w", SHA256, len(WEIGHTS)) == parse_pointer(POINTER, "w")
    old = POINTER.replace(b"git-lfs.github", b"hawser.github")
    assert is_pointer(old)
    assert PinnedFile("w", SHA256, len(WEIGHTS)) == parse_pointer(old, "w")


@pytest.mark.parametrize(
    "data",
    [
        POINTER[:-1],
        POINTER + b"\n",
        POINTER.replace(b"\n", b"\r\n"),
        POINTER.replace(b"sha256:", b"sha512:"),
        POINTER.replace(SHA256.encode(), SHA256.upper().encode()),
        POINTER.replace(b"size 3", b"size +3"),
        POINTER.replace(b"size 3", b"size 03"),
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
