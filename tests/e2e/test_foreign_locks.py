"""Locks that other tools write: the same packages come out as with `pants lock`'s of the same versions."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile

import pytest
from monorepo import ROOT, environment, files_of, small_monorepo

from modelkiln.manifest.lock import read_lock
from modelkiln.wheels.platforms import Target

_SCRIPT = """\
import click
import numpy


def predict(inputs, model):
    return {"amount": inputs["clouds"].sum(axis=1) * numpy.float32(click.unstyle((model / "factor.txt").read_text()))}
"""
_PROJECT = """\
[project]
name = "shop"
version = "0"
requires-python = "==3.11.*"
dependencies = {needs}

[tool.uv]
package = false
sources = {sources}
"""


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """Return a monorepo with a package that needs click, which needs another package on Windows alone."""
    repo = small_monorepo(tmp_path_factory.mktemp("locks") / "monorepo")
    repo.write("locks/python.in", "numpy\nclick\n")
    repo.write("rain/forecast.py", _SCRIPT)
    repo.pants("lock", "locks")
    yield repo
    repo.stop()


@pytest.fixture(scope="module")
def expected(repo):
    """Return what is packaged from pip-tools' lock."""
    return packaged(repo, "locks/python.txt")


@pytest.fixture(scope="module")
def pins(repo):
    """Return the requirements that lock what pip-tools has locked."""
    environment = Target("3.11", "linux/amd64", "2.36").marker_environment()
    return [f"{pin.name}=={pin.version}" for pin in read_lock(repo.read("locks/python.txt"), "lock", environment)]


@pytest.fixture(scope="session")
def uv(tmp_path_factory):
    """Return a uv of our own, as the launcher installs it."""
    folder = tmp_path_factory.mktemp("uv")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
    ]
    command += ["--target", str(folder), "--requirement", str(ROOT / "3rdparty/python/uv.txt")]
    subprocess.run(command, check=True)
    return folder / "bin/uv"


def packaged(repo, lock):
    """Return the files in dist/ that are made with a lock."""
    repo.env["PANTS_PYTHON_RESOLVES"] = json.dumps({"python-default": lock})
    shutil.rmtree(repo.dist, ignore_errors=True)
    repo.pants("package", "rain:rain")
    return files_of(repo.dist)


def uv_lock(uv, folder, needs, sources="{}"):
    """Return what `uv lock` writes for a project."""
    folder.mkdir(exist_ok=True)
    folder.joinpath("pyproject.toml").write_text(_PROJECT.format(needs=json.dumps(needs), sources=sources))
    run_uv(uv, folder, "lock", "--quiet")
    return folder.joinpath("uv.lock").read_text("utf-8")


def run_uv(uv, folder, *args):
    """Run uv with the index that pip is configured with."""
    pip = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    index = os.environ.get("PIP_INDEX_URL") or subprocess.run(pip, capture_output=True, text=True).stdout.strip()
    env = {**environment(), "UV_PYTHON_DOWNLOADS": "never", **({"UV_DEFAULT_INDEX": index} if index else {})}
    subprocess.run([str(uv), *args], cwd=folder, env=env, check=True)


def test_uv_lock(repo, uv, pins, expected, tmp_path):
    """`uv.lock` as it is: what only Windows needs stays out, and Pants' own files do not matter."""
    text = uv_lock(uv, tmp_path / "project", [*pins, "colorama; sys_platform == 'win32'"])
    assert 'name = "colorama"' in text
    repo.write("locks/uv.lock", text)
    assert expected == packaged(repo, "locks/uv.lock")


def test_a_stale_uv_lock(repo, uv, tmp_path):
    """The remedy is uv's own command."""
    repo.write("locks/stale.lock", uv_lock(uv, tmp_path / "project", ["numpy"]))
    repo.env["PANTS_PYTHON_RESOLVES"] = '{"python-default": "locks/stale.lock"}'
    run = repo.pants("package", "rain:rain", code=1)
    assert "the lock locks/stale.lock is stale: click is not in it. Lock it again: uv lock." in run.log


def test_a_uv_lock_with_a_folder(repo, uv, pins, tmp_path):
    """What no index has is refused by name."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own/pyproject.toml").write_text('[project]\nname = "own"\nversion = "1"\n')
    text = uv_lock(uv, tmp_path / "project", [*pins, "own"], '{ own = { path = "../own" } }')
    repo.write("locks/folder.lock", text)
    repo.env["PANTS_PYTHON_RESOLVES"] = '{"python-default": "locks/folder.lock"}'
    run = repo.pants("package", "rain:rain", code=1)
    assert "locks/folder.lock: own comes from directory (../own), and only files of an index" in run.log
    assert "publish a wheel of it" in run.log


def test_pex_lock(repo, pins, expected):
    """What `pants generate-lockfiles` writes by itself."""
    repo.write("locks/python.in", "".join(f"{pin}\n" for pin in pins))
    repo.env["PANTS_PYTHON_RESOLVES"] = '{"python-default": "locks/pex.lock"}'
    repo.pants("generate-lockfiles", "--resolve=python-default")
    assert '"locked_resolves"' in repo.read("locks/pex.lock")
    assert expected == packaged(repo, "locks/pex.lock")
    assert "`pants generate-lockfiles --resolve=python-default` makes it" in repo.pants("lock", "locks").out.decode()


def test_uv_lock_of_pants(repo, uv, pins, expected, tmp_path):
    """What `pants generate-lockfiles` has uv write, where that is the resolver."""
    version = repo.pants("--version").out.decode().strip()
    if tuple(map(int, version.split(".")[:2])) < (2, 33):
        pytest.skip(f"Pants {version} has no [python].resolver")
    # Pants would download a release of uv; this is the same program, packed alike.
    archive = tmp_path / "uv.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(uv, "uv-x86_64-unknown-linux-musl/uv")
    data, number = archive.read_bytes(), re.search(r"uv==(\S+)", (ROOT / "3rdparty/python/uv.txt").read_text())[1]
    known = f"{number}|linux_x86_64|{hashlib.sha256(data).hexdigest()}|{len(data)}"
    repo.env.update(PANTS_UV_VERSION=number, PANTS_UV_KNOWN_VERSIONS=f"['{known}']")
    repo.env.update(PANTS_UV_URL_TEMPLATE=f"file://{archive}", PANTS_PYTHON_RESOLVER="uv")
    repo.env["PANTS_PYTHON_RESOLVES"] = '{"python-default": "locks/pants-uv.lock"}'
    repo.write("locks/python.in", "".join(f"{pin}\n" for pin in pins))
    repo.pants("generate-lockfiles", "--resolve=python-default")
    assert 'name = "pants-lockfile-for-python-default"' in repo.read("locks/pants-uv.lock")
    assert expected == packaged(repo, "locks/pants-uv.lock")
