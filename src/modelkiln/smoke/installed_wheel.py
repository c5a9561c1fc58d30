"""The wheel of a model, installed as an application installs it: into an environment of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Mapping, Sequence

from modelkiln.builds.wheel import provide_wheels
from modelkiln.errors import ModelkilnError
from modelkiln.manifest.wheels import check_wheels, wheel_digest
from modelkiln.store.files import link_file
from modelkiln.store.store import Store

__all__ = ["install_wheel"]


def install_wheel(
    wheel: Path, record: Mapping[str, Any], locked: Sequence[Mapping[str, Any]], python: Path, store: Store
) -> Path:
    """Install the wheel at `wheel` with pip; returns the path of its console script.

    The environment is made in the wheel's folder, and gets all wheels of `locked`, which are those that the package's
    lock has, and none of another place. record: of the package. python: the interpreter that it is made
    with. Raises ModelkilnError where the wheel requires anything that they do not satisfy, unless hosts provide
    what wheels of the lock may need.
    """
    provide_wheels(check_wheels(locked), record["variant"]["python"], store)
    folder = wheel.absolute().parent
    environment, links = folder / "environment", folder / "locked"
    links.mkdir()
    for one in locked:
        link_file(store.path(wheel_digest(one)), links / one["filename"])
    _run(folder, "an environment cannot be made", os.path.abspath(python), "-m", "venv", "--without-pip", environment)
    pip = [sys.executable, "-I", "-m", "pip", "--python", environment / "bin/python", "install", "--no-index"]
    options = [f"--find-links={links}", "--no-compile", "--no-cache-dir", "--disable-pip-version-check", "--quiet"]
    options += ["--no-deps"] if record.get("provided") else []
    pins = [f"{one['name']}=={one['version']}" for one in locked]
    _run(folder, "the wheel cannot be installed with the locked wheels", *pip, *options, wheel.absolute(), *pins)
    return environment / "bin" / str(record["wheel"]["distribution"])


def _run(folder: Path, what: str, *command: object) -> None:
    # No configuration of this machine's pip, which may have other places of wheels.
    env = {"HOME": str(folder), "LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", ""), "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run(list(map(str, command)), env=env, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise ModelkilnError(f"smoke: {what}: {' '.join(lines[-10:])}")
