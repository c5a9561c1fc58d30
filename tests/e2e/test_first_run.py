"""The first command on a machine that is set up oddly, and where other things ran before."""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from elsewhere import known_pythons
from monorepo import Monorepo, copy_repository, environment, files_of

# Settings of pip's which say what is chosen and where it goes; each has ended or bent some build.
_HOSTILE = """\
[global]
constraint = {folder}/caps.txt
require-virtualenv = true
no-binary = :all:
no-deps = true
pre = true
require-hashes = true
user = true
target = {folder}/elsewhere
prefix = {folder}/elsewhere
{reaching}
"""
_CAPS = "packaging<20\nsetuptools<50\ntorch<2\nzstandard<0.10\n"
# What the machine's own files say of how an index is reached, the odd machine's must say as well.
_REACHING = ("cert", "extra-index-url", "find-links", "index-url", "proxy", "timeout", "trusted-host")


@pytest.fixture(scope="module")
def plain(repository):
    """Return this repository with a model and the command line in dist/, built with the user's caches."""
    repository.pants("package", "src/models/diabetes::", "src/modelkiln:cli")
    return repository


def odd_machine(folder):
    """Return a command prefix: a mount namespace with hostile system-wide settings of pip, and no Pex cache of
    this user; and the folder that is there in the cache's place."""
    if os.getuid() != 0 or not shutil.which("unshare"):
        pytest.skip("another /etc takes unshare, and root's rights to mount")
    (folder / "caps.txt").write_text(_CAPS)
    (folder / "xdg/pip").mkdir(parents=True)
    for path in (folder / "xdg/pip/pip.conf", folder / "pip.conf"):
        path.write_text(_HOSTILE.format(folder=folder, reaching=_reaching()))
    home = Path(pwd.getpwuid(0).pw_dir)
    mounts = []
    for name in (".pex", ".cache/pex"):
        (home / name).mkdir(parents=True, exist_ok=True)
        (folder / name).mkdir(parents=True)
        mounts += [f"mount --bind '{folder / name}' '{home / name}'"]
    Path("/etc/xdg").mkdir(exist_ok=True)
    mounts += ["mount -t tmpfs none /etc/xdg", f"cp -r '{folder}/xdg/pip' /etc/xdg"]
    if Path("/etc/pip.conf").exists():
        mounts += [f"mount --bind '{folder}/pip.conf' /etc/pip.conf"]
    prefix = ["unshare", "--mount", "--propagation=private", "sh", "-ec", " && ".join(mounts) + ' && exec "$@"', "sh"]
    tried = subprocess.run([*prefix, "true"], stderr=subprocess.PIPE, check=False)
    if tried.returncode:
        pytest.skip(f"no mount namespace can be made here: {tried.stderr.decode().strip()}")
    return prefix


def _reaching():
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], stdout=subprocess.PIPE, check=True)
    pairs = [line.partition("=")[::2] for line in listed.stdout.decode().splitlines()]
    return "\n".join(
        f"{key[7:]} = {value[1:-1]}" for key, value in pairs if key.startswith("global.") and key[7:] in _REACHING
    )


def test_a_hostile_configuration_of_pip_and_what_ran_before_change_nothing(plain, tmp_path):
    """With empty caches, settings that forbid every wheel and a command line that was started in three ways, a
    copy of this repository packages the same bytes."""
    prefix = odd_machine(tmp_path)
    env = {**environment(), **known_pythons(environment())}
    env["XDG_CACHE_HOME"] = env.get("XDG_CACHE_HOME") or f"{env['HOME']}/.cache"  # The launcher's install.
    env["PANTS_LOCAL_STORE_DIR"], env["PANTS_NAMED_CACHES_DIR"] = str(tmp_path / "lmdb"), str(tmp_path / "named")
    hostile = {"PIP_CONSTRAINT": f"{tmp_path}/caps.txt", "PIP_NO_BINARY": ":all:", "PIP_REQUIRE_VIRTUALENV": "1"}
    repo = Monorepo(copy_repository(tmp_path / "repository"), {**env, **hostile}, prefix=prefix)
    start_command_line(plain.dist / "modelkiln.pex", prefix, tmp_path)
    try:
        repo.pants("package", "src/models/diabetes::", "src/modelkiln:cli")
        built = files_of(repo.dist)
    finally:
        repo.stop()
        shutil.rmtree(tmp_path / "named", ignore_errors=True)
        shutil.rmtree(tmp_path / "lmdb", ignore_errors=True)
    assert "modelkiln.pex" in built
    assert built == {name: what for name, what in files_of(plain.dist).items() if name in built}


def start_command_line(pex, prefix, folder):
    """Start it with its cache where Pex has it and elsewhere, and from an environment made of it: all of these leave
    byte code."""
    base = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    for variables in ({}, {"PEX_ROOT": str(folder / ".pex")}, {"PEX_TOOLS": "1"}):
        arguments = ["venv", str(folder / "venv")] if "PEX_TOOLS" in variables else ["--version"]
        command = [*prefix, sys.executable, str(pex), *arguments]
        subprocess.run(command, env={**base, **variables}, stdout=subprocess.PIPE, check=True)
    subprocess.run([folder / "venv/pex", "--version"], env=base, stdout=subprocess.PIPE, check=True)
    assert list(folder.rglob("installed_wheels/**/*.pyc")) or list(folder.rglob("venvs/**/*.pyc"))
