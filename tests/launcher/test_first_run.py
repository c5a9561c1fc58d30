"""First runs on odd machines, with the real pip and uv: no CPython 3.9, other pip settings, a proxy, no network."""

import hashlib
import http.server
import json
import os
import platform
import re
import select
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
from contextlib import contextmanager
from typing import ClassVar

import pytest


@pytest.fixture
def env(sandbox):
    """Return this machine's environment, with caches and a home of its own, and its CPython 3.9."""
    env = {name: value for name, value in os.environ.items() if not re.match("_?PANTS_|UV_", name)}
    env.update(MODELKILN_PANTS_LAUNCHER="own", HOME=str(sandbox.home), XDG_CACHE_HOME=str(sandbox.cache.parents[1]))
    env.setdefault("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    return env


def first_run(sandbox, env):
    """Run the launcher until it has installed or given up; returns whether it installed, and what it said."""
    process = sandbox.start("--version", **env)
    said = []
    for line in process.stderr:
        said.append(line)
        if line == "pants: installed.\n":
            process.kill()
    process.communicate()
    text = "".join(said)
    if "uv python install 3.9" in text and "MODELKILN_REQUIRE_COMPONENTS" not in os.environ:
        pytest.skip("no CPython 3.9")
    return bool(said) and "pants: installed.\n" in said, text


def closed_port():
    """Return a port of this machine that nobody answers at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def serve(handler):
    """Serve HTTP on loopback; yields the address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


# No CPython 3.9


def python_39(env):
    """Return the prefix of a CPython 3.9 of this machine, or skip."""
    roots = sorted(
        os.path.join(env["PYENV_ROOT"], "versions", name) for name in os.listdir(env["PYENV_ROOT"] + "/versions")
    )
    for program in [shutil.which("python3.9"), *(f"{root}/bin/python3.9" for root in roots)]:
        if program and os.path.exists(program):
            done = subprocess.run([program, "-I", "-c", "import sys; print(sys.base_prefix)"], stdout=subprocess.PIPE)
            if done.returncode == 0:
                return done.stdout.decode().strip()
    return pytest.skip("no CPython 3.9 to serve")


def release(folder, prefix, url):
    """Write what python-build-standalone publishes, of a CPython that is here: an archive, and uv's list of it."""
    archive = folder / "cpython.tar.gz"
    library = "lib/python3.9"

    def wanted(member):
        parts = member.name.split("/")
        return None if {"test", "tests", "__pycache__", "site-packages"} & set(parts) else member

    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        tar.add(f"{prefix}/bin/python3.9", "python/bin/python3.9")
        tar.add(f"{prefix}/{library}", f"python/{library}", filter=wanted)
    found = {
        "name": "cpython", "arch": {"family": platform.machine(), "variant": None}, "os": "linux", "libc": "gnu",
        "major": 3, "minor": 9, "patch": 25, "prerelease": "", "url": f"{url}/cpython.tar.gz", "variant": None,
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(), "build": "20251031",
    }  # fmt: skip
    (folder / "list.json").write_text(json.dumps({f"cpython-3.9.25-linux-{platform.machine()}-gnu": found}))


@pytest.fixture
def bare(sandbox, env):
    """Return the environment of a machine that has no CPython 3.9, and another one."""
    newer = sandbox.add_program(sandbox.bin / "python3", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    assert newer.exists()
    env = {**env, "PATH": str(sandbox.bin)}
    env.update(PYENV_ROOT="/none", UV_PYTHON_INSTALL_DIR="/none")
    return env


def test_without_cpython_39_uv_downloads_one(sandbox, env, bare, tmp_path):
    """From where the machine has it; the digest is checked, and Pants is installed under it."""
    prefix = python_39(env)
    (tmp_path / "served").mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path / "served"))

        def log_message(self, *_):
            pass

    with serve(Handler) as url:
        release(tmp_path / "served", prefix, url)
        bare = {**bare, "UV_PYTHON_DOWNLOADS_JSON_URL": f"{url}/list.json"}
        installed, said = first_run(sandbox, bare)
        assert installed, said
        assert "no CPython 3.9 was found; downloading 3.9.25" in said
        (home,) = sandbox.installs()
        assert os.path.realpath(home / "bin/python").startswith(str(sandbox.cache / "python"))
        # What was downloaded serves later installs, too.
        shutil.rmtree(home)
        (tmp_path / "served/cpython.tar.gz").write_bytes(b"other")
        installed, said = first_run(sandbox, bare)
        assert installed and "downloading 3.9.25" not in said, said
        shutil.rmtree(sandbox.cache)
    process = sandbox.run("--version", **bare)
    assert 1 == process.returncode
    assert "uv could not download CPython 3.9.25; what it said is above" in process.stderr
    assert "uv python install 3.9" in process.stderr and [] == sandbox.installs()


# pip's settings


def test_pips_settings_do_not_reach_the_install(sandbox, env, tmp_path):
    """Constraints, targets and the like, in the system-wide file and in variables."""
    config = tmp_path / "xdg/pip/pip.conf"
    config.parent.mkdir(parents=True)
    (tmp_path / "constraints.txt").write_text("uv==0.1\npex==1\nsetuptools==1\n")
    lines = ["no-binary = :all:", "user = true", f"target = {tmp_path}/target", "require-virtualenv = true", "pre = 1"]
    config.write_text("[global]\n" + "\n".join([f"constraint = {tmp_path}/constraints.txt", *lines]) + "\n")
    env.update(PIP_CONSTRAINT=f"{tmp_path}/constraints.txt", PIP_PREFIX="/none", PIP_NO_DEPS="1", PIP_USER="1")
    env.update(PIP_REQUIRE_VIRTUALENV="1", UV_CONSTRAINT=f"{tmp_path}/constraints.txt", UV_NO_BINARY="1")
    env.update(XDG_CONFIG_DIRS=f"{tmp_path}/xdg", UV_PYTHON="3.8", UV_SYSTEM_PYTHON="1", PIP_CONFIG_FILE="/none")
    installed, said = first_run(sandbox, env)
    assert installed, said
    assert not (tmp_path / "target").exists()


def test_pips_settings_that_cannot_be_read_are_named(sandbox, env, tmp_path):
    """At once, with the file."""
    (tmp_path / "pip.conf").write_text("[global\n")
    installed, said = first_run(sandbox, {**env, "PIP_CONFIG_FILE": f"{tmp_path}/pip.conf"})
    assert not installed
    assert re.search(rf"pip's configuration cannot be read: .*{tmp_path}/pip.conf.* Correct or remove that file", said)


# The network


@pytest.mark.parametrize("host", ["127.0.0.1", "index.invalid"])
def test_without_an_index_the_run_ends_at_once(sandbox, env, host):
    """It names the index, without the password, and not after retries."""
    address = f"http://me:secret@{host}:{closed_port()}/simple"
    env = {**env, "PIP_INDEX_URL": address, "PIP_CONFIG_FILE": "/dev/null"}
    installed, said = first_run(sandbox, {name: value for name, value in env.items() if name != "PIP_FIND_LINKS"})
    assert not installed
    assert f"the package index {address.replace('me:secret@', '')} cannot be reached: " in said
    assert "secret" not in said and "Retrying" not in said
    assert [] == sandbox.installs()
    # A folder of wheels may hold all; where it does not, the index is what is missing.
    installed, said = first_run(sandbox, {**env, "PIP_FIND_LINKS": str(sandbox.home)})
    assert not installed
    assert f"the package index {address.replace('me:secret@', '')} cannot be reached: " in said


class Proxy(http.server.BaseHTTPRequestHandler):
    """A proxy for TLS: connects, and passes bytes on."""

    seen: ClassVar["list[str]"] = []

    def do_CONNECT(self):
        """Connect to where the client wants to."""
        self.seen.append(self.path)
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as other:
            self.send_response(200)
            self.end_headers()
            while True:
                for ready in select.select([self.connection, other], [], [])[0]:
                    data = ready.recv(1 << 16)
                    if not data:
                        return
                    (other if ready is self.connection else self.connection).sendall(data)

    def log_message(self, *_):
        """Say nothing."""


@pytest.mark.parametrize("how", ["pip", "variable"])
def test_a_proxy_is_used_by_pip_and_uv(sandbox, env, tmp_path, how):
    """Whether pip's settings name it or the environment; where it does not answer the run ends at once."""

    class Mine(Proxy):
        seen: ClassVar["list[str]"] = []

    (tmp_path / "xdg/pip").mkdir(parents=True)
    env = {
        name: value for name, value in env.items() if not name.lower().endswith("_proxy") and name != "PIP_FIND_LINKS"
    }

    def named(address):
        (tmp_path / "xdg/pip/pip.conf").write_text(f"[global]\nproxy = {address}\n" if how == "pip" else "")
        more = {"XDG_CONFIG_DIRS": str(tmp_path / "xdg")} if how == "pip" else {"HTTPS_PROXY": address}
        return {**env, **more}

    if env.get("PIP_INDEX_URL", "https:").startswith("http:"):
        pytest.skip("this machine's index is not spoken to with TLS")
    with serve(Mine) as address:
        installed, said = first_run(sandbox, named(address))
        assert installed, said
    # pip and uv have connections of their own.
    assert len(Mine.seen) >= 3
    shutil.rmtree(sandbox.cache)
    address = f"http://127.0.0.1:{closed_port()}"
    installed, said = first_run(sandbox, named(address))
    assert not installed
    assert f"cannot be reached: the proxy {address} does not answer" in said
