"""Real components that tests need: found, or told to be missing."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

__all__ = ["require", "require_venv"]

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
    name = (
        f"{lock.stem}-{sys.version_info[0]}.{sys.version_info[1]}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}"
    )
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME", "/tmp"), ".cache"))
    folder = cache / "modelkiln-tests" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    python = folder / "bin" / "python"
    with open(f"{folder}.lock", "w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            install = [str(python), "-m", "pip", "install", "-q", "--require-hashes", "--no-deps", "-r", str(lock)]
            for command in ([sys.executable, "-m", "venv", str(folder)], install):
                done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
                if done.returncode:
                    _missing(f"{lock.name} cannot be installed: {done.stderr[-2000:]}")
            (folder / "complete").touch()
    return str(python)


def _missing(message):
    if os.environ.get("MODELKILN_REQUIRE_COMPONENTS") == "1":
        pytest.fail(message)
    pytest.skip(message)
