"""What is fetched from Git LFS is found, and logged in for, as git itself is configured."""

import hashlib
import json
import os
import subprocess
from contextlib import ExitStack

import pytest
from components import require
from loopback.answering import answering

from modelkiln.machine.git import Git
from modelkiln.machine.settings import select_machine_env
from modelkiln.sources.git_lfs import open_source

DATA = b"hello"
SHA256 = hashlib.sha256(DATA).hexdigest()


def found(href, header=None):
    """A server's answer to the question where the object is."""
    action = {"href": href, **({"header": header} if header else {})}
    text = json.dumps({"objects": [{"oid": SHA256, "size": len(DATA), "actions": {"download": action}}]})
    return 200, {"Content-Type": "application/vnd.git-lfs+json"}, text.encode()


class Checkout:
    """A checkout whose one pointer stands for DATA."""

    def __init__(self, folder):
        self.folder = folder / "r"
        self.folder.mkdir()
        path = os.environ["PATH"]
        self.env = {"HOME": str(folder), "PATH": path, "LC_ALL": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1"}
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments):
        """Run git in it."""
        who = {f"GIT_{role}_{what}": "t@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        command = [require("git"), *arguments]
        subprocess.run(command, cwd=self.folder, env={**self.env, **who}, check=True, capture_output=True)

    def read(self, below=".", **env):
        """The bytes, read as `lfs:m.onnx` of a build root `below` the checkout's."""
        root = self.folder / below
        root.mkdir(exist_ok=True)
        text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{SHA256}\nsize {len(DATA)}\n"
        (root / "m.onnx").write_text(text)
        source = open_source("lfs:m.onnx", {**self.env, **env, "MODELKILN_CHECKOUT": str(root)}, root)
        with source.open(source.list().files[0]) as stream:
            return stream.read()

    def lfsconfig(self, url):
        """Write `.lfsconfig` with this server at the checkout's root."""
        (self.folder / ".lfsconfig").write_text(f"[lfs]\n\turl = {url}\n")


@pytest.fixture
def checkout(tmp_path):
    """A checkout without a remote, and without settings of this machine."""
    return Checkout(tmp_path)


@pytest.fixture
def serve():
    """Starts servers whose answers a test gives."""
    with ExitStack() as stack:
        yield lambda answer=None: stack.enter_context(answering(answer))


@pytest.fixture
def server(serve):
    """A server that has the object."""
    stub = serve()
    stub.answer = lambda method, *_: found(f"{stub.url}/object") if method == "POST" else (200, {}, DATA)
    return stub


def asked(server):
    """The paths of the batch requests."""
    return [one.path for one in server.seen if one.method == "POST"]


def test_insteadof_rewrites_the_address_that_lfs_asks(server, checkout):
    """`url.<base>.insteadOf` says where a remote really is, the longest match first: not by ssh here."""
    checkout.git("remote", "add", "origin", "git@git.example.com:org/repo.git")
    checkout.git("config", f"url.{server.url}/wrong/.insteadOf", "git@git.example.com:")
    checkout.git("config", f"url.{server.url}/.insteadOf", "git@git.example.com:org/")
    assert checkout.read(GIT_SSH_COMMAND="false") == DATA
    assert ["/repo.git/info/lfs/objects/batch"] == asked(server)


def test_insteadof_applies_to_lfs_url_too(server, checkout):
    """`lfs.url` is an address of git's, and git-lfs rewrites it like a remote's."""
    checkout.git("remote", "add", "origin", "https://git.example.com/r.git")
    checkout.git("config", "lfs.url", "https://lfs.example.com/store")
    checkout.git("config", f"url.{server.url}/.insteadOf", "https://lfs.example.com/")
    assert checkout.read() == DATA
    assert ["/store/objects/batch"] == asked(server)


def test_settings_of_git_in_the_environment_reach_it(server, checkout):
    """CI hands git its settings in GIT_CONFIG_COUNT and so on; the machine's settings keep them."""
    more = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{server.url}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://git.example.com/",
    }
    checkout.git("remote", "add", "origin", "https://git.example.com/x.git")
    assert checkout.read(**select_machine_env(more)) == DATA
    assert ["/x.git/info/lfs/objects/batch"] == asked(server)


def test_extraheader_logs_in_to_the_server(serve, checkout):
    """CI's checkout steps keep the login in `http.<url>.extraheader`; the server is asked with it, and the
    address of the object, which has a login of its own, gets that one alone."""
    stub = serve()

    def answer(method, path, headers, body):
        login = headers.get("authorization", "")
        if method == "POST":
            is_in = login == "basic Zm9vOmJhcg=="
            return found(f"{stub.url}/object", {"Authorization": "Bearer of-the-object"}) if is_in else (401, {}, b"")
        return (200, {}, DATA) if login == "Bearer of-the-object" else (400, {}, b"")

    stub.answer = answer
    checkout.git("remote", "add", "origin", f"{stub.url}/org/repo.git")
    checkout.git("config", f"http.{stub.url}/.extraheader", "AUTHORIZATION: basic Zm9vOmJhcg==")
    assert checkout.read() == DATA


def test_headers_are_those_of_the_setting_that_fits_best(checkout, tmp_path):
    """All values of the best one, none of another host's; an empty value takes back those before it."""
    for key, value in [
        ("http", "Everywhere: 1"),
        ("http.https://git.example.com/", "One: 1"),
        ("http.https://git.example.com/", "Two: 2"),
        ("http.https://other.example.com/a/long/path", "Other: 1"),
        ("http.https://other.example.com/a/long/path", "Two: 2"),
        ("http.https://reset.example.com/", "Old: 1"),
        ("http.https://reset.example.com/", ""),
        ("http.https://reset.example.com/", "New: 1"),
    ]:
        checkout.git("config", "--add", f"{key}.extraHeader", value)
    git = Git(checkout.folder, checkout.env, "x")
    assert {"One": "1", "Two": "2"} == git.extra_headers("https://git.example.com/r.git/info/lfs")
    assert {"New": "1"} == git.extra_headers("https://reset.example.com/r.git")
    assert {"Everywhere": "1"} == git.extra_headers("https://elsewhere.example.com/r.git")


def test_lfsconfig_of_the_checkout_counts_in_a_folder_below(server, checkout):
    """`.lfsconfig` lies at the root of the checkout, also where the build root is a folder of it."""
    checkout.git("remote", "add", "origin", f"{server.url}/wrong.git")
    checkout.lfsconfig(f"{server.url}/store")
    assert checkout.read("mono") == DATA
    assert ["/store/objects/batch"] == asked(server)


@pytest.mark.parametrize("place", ["index", "HEAD"])
def test_lfsconfig_need_not_be_checked_out(server, checkout, place):
    """A sparse checkout leaves it out: the index has it, or HEAD."""
    checkout.git("remote", "add", "origin", f"{server.url}/wrong.git")
    checkout.lfsconfig(f"{server.url}/store")
    checkout.git("add", ".lfsconfig")
    if place == "HEAD":
        checkout.git("commit", "-q", "-m", "A server")
        checkout.git("rm", "-q", "--cached", ".lfsconfig")
    (checkout.folder / ".lfsconfig").unlink()
    assert checkout.read() == DATA
    assert ["/store/objects/batch"] == asked(server)


def test_the_only_remote_is_asked_whatever_its_name(server, checkout):
    """git-lfs takes the only remote where it is not called origin (clone -o, CI of Gerrit)."""
    checkout.git("remote", "add", "upstream", f"{server.url}/r.git")
    assert checkout.read() == DATA
    assert ["/r.git/info/lfs/objects/batch"] == asked(server)


def test_the_branch_s_own_remote_is_asked_first(server, checkout):
    """Then `remote.lfsdefault`, as git-lfs does."""
    checkout.git("remote", "add", "origin", f"{server.url}/origin.git")
    checkout.git("remote", "add", "mine", f"{server.url}/mine.git")
    checkout.git("remote", "add", "default", f"{server.url}/default.git")
    checkout.git("config", "remote.lfsdefault", "default")
    assert checkout.read() == DATA
    checkout.git("config", "branch.main.remote", "mine")
    assert checkout.read() == DATA
    paths = [f"/{name}.git/info/lfs/objects/batch" for name in ("default", "mine")]
    assert paths == asked(server)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_batch_request_that_is_redirected_is_posted_again(serve, checkout, status):
    """A renamed repository redirects; the question goes there with its body, as a POST."""
    stub = serve()

    def answer(method, path, headers, body):
        if path.startswith("/old.git/"):
            return status, {"Location": f"/new.git/{path[9:]}"}, b""
        if path.endswith("/batch"):
            return found(f"{stub.url}/object") if method == "POST" and body else (404, {}, b"{}")
        return 200, {}, DATA

    stub.answer = answer
    checkout.git("remote", "add", "origin", f"{stub.url}/old.git")
    assert checkout.read() == DATA


def test_what_git_adds_for_one_server_no_other_gets(serve, server, checkout):
    """A batch request that is redirected to another server goes there without the headers of this one."""
    first = serve(lambda method, path, *_: (308, {"Location": f"{server.url}{path}"}, b""))
    checkout.git("remote", "add", "origin", f"{first.url}/r.git")
    checkout.git("config", "--add", f"http.{first.url}/.extraheader", "Authorization: basic Zm9vOmJhcg==")
    checkout.git("config", "--add", f"http.{first.url}/.extraheader", "Private-Token: secret")
    assert checkout.read() == DATA
    assert "secret" == first.seen[0].headers["private-token"]
    assert not [one for one in server.seen if {"authorization", "private-token"} & set(one.headers)]


def test_a_user_in_the_address_chooses_the_login(serve, checkout):
    """`https://user@host/` has no password: git's helpers are asked for that user's."""
    stub = serve()
    login = "Basic bWU6cHc="  # me:pw

    def answer(method, path, headers, body):
        if method == "POST":
            return found(f"{stub.url}/object") if headers.get("authorization") == login else (401, {}, b"{}")
        return 200, {}, DATA

    stub.answer = answer
    checkout.git("remote", "add", "origin", f"http://me@{stub.host}/r.git")
    checkout.git("config", "credential.helper", "!f() { grep -q username=me && echo password=pw; }; f")
    assert checkout.read() == DATA
