"""Real components that tests need: found, or told to be missing."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["require", "require_npm", "require_venv"]

# Some of a venv's packages are large: a slow mirror needs its time.
_INSTALL_SECONDS = 900


def require(name: str, package: str = "") -> str:
    """Return the path of the program `name`.

    Where it is missing the test is skipped, except where MODELKILN_REQUIRE_COMPONENTS=1 is set
    (CI sets it): there the test fails.
    """
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin")
    if path:
        return path
    _missing(f"{name} is not installed; install the Debian package {package or name}")


def require_venv(lock: Path) -> str:
    """Return the interpreter of a venv that holds what the hashed lock of a component pins.

    For components that would pin too much beside the tests' own packages. It is made once a
    machine, below the user's cache folder. Skips or fails as `require` does.
    """
    name = f"{lock.stem}-{sys.version_info[0]}.{sys.version_info[1]}"
    with _component(name, lock) as (folder, is_made):
        python = folder / "bin" / "python"
        # Byte code is made of what is imported, which is little of it.
        install = [str(python), "-m", "pip", "install", "-q", "--no-compile", "--require-hashes", "--no-deps"]
        if not is_made:
            _install(lock.name, folder, [sys.executable, "-m", "venv", str(folder)], [*install, "-r", str(lock)])
    return str(python)


def require_npm(project: Path, program: str) -> str:
    """Return the path of a program of the packages that the lock of an npm project pins by hash.

    As `require_venv`. No script of a package is run.
    """
    npm = require("npm")
    with _component(project.name, project / "package-lock.json") as (folder, is_made):
        if not is_made:
            folder.mkdir()
            for name in ("package.json", "package-lock.json"):
                shutil.copy(project / name, folder)
            # In the folder and not with --prefix, which would take the machine's npmrc for one below it.
            install = [npm, "ci", "--ignore-scripts", "--no-audit", "--loglevel=error"]
            _install(project.name, folder, install, cwd=folder)
    return str(folder / "node_modules/.bin" / program)


@contextmanager
def _component(name, lock):
    """The folder that gets what a lock pins, and whether it has been made; others wait meanwhile."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME", "/tmp"), ".cache"))
    folder = cache / "modelkiln-tests" / f"{name}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{folder}.lock", "w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        is_made = (folder / "complete").exists()
        if not is_made:
            shutil.rmtree(folder, ignore_errors=True)
        yield folder, is_made


def _install(name, folder, *commands, cwd=None):
    for command in commands:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
        if done.returncode:
            _missing(f"{name} cannot be installed: {done.stderr[-2000:]}")
    (folder / "complete").touch()


def _missing(message):
    if os.environ.get("MODELKILN_REQUIRE_COMPONENTS") == "1":
        pytest.fail(message)
    pytest.skip(message)
