"""A repository for the launcher to stand in, and stand-ins for what it installs."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List, Optional

import pytest
from session import guarded_session  # noqa: F401

SETTINGS = "src/modelkiln/manifest/pip_settings.py"

# All that the launcher needs of a system besides a Python.
_TOOLS = "bash cat chmod cp dirname du env grep ln mkdir mv readlink rm sed sha256sum shasum sleep sync uname"

# CPython 3.9, pip, uv and Pex, and the Pants that they install, in so far as the launcher uses them. An
# install adds a line to the log; HOOK runs in the middle of it.
_PYTHON = r"""#!/usr/bin/env bash
case "$*" in
  *probe.py) printf 'noise\npants: 3.9.99 test test\npants: %s\npants: 1\n' 'PROBLEM' ;;
  *take_lock.py) exec REAL_PYTHON "$@" ;;
  '-I -m venv --without-pip '*) mkdir -p "$5/bin" && cp "$0" "$5/bin/python" ;;
  *unpack.py*) : >"$3/uv" && chmod +x "$3/uv" ;;
  *'pip_settings.py pip '*' download '*) BEFORE_DOWNLOAD ;;
  *'pip_settings.py uv '*' pip install '*pants.txt)
    echo install >>"LOG"
    HOOK
    while [[ $1 != --python ]]; do shift; done
    bin=${2%/bin/python}/lib/python3.9/site-packages/pants/bin
    mkdir -p "$bin"
    cat >/dev/null
    printf '#!/usr/bin/env bash\nexec REAL_PYTHON -I "CLIENT" "$@"\n' >"$bin/native_client" ;;
  *pip_settings.py' list') echo asked >>"ANSWER.asked"; cat "ANSWER" ;;
  *pip_options.py) exec REAL_PYTHON "$@" ;;
  *make_pex.py*)
    BEFORE_PEX
    printf tool >"$4" ;;
esac
"""

# In place of Pants: reports how it was run, then does what its first argument says.
_CLIENT = """\
import fcntl, json, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(43))
run = {"pid": os.getpid(), "argv": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ)}
run["umask"] = os.umask(0)
run["stdin"] = sys.stdin.read()
try:
    fcntl.fcntl(9, fcntl.F_GETFD)
    run["holds_lock"] = True
except OSError:
    run["holds_lock"] = False
print(json.dumps(run), flush=True)
if sys.argv[1:2] == ["wait"]:
    signal.pause()
sys.exit(int(sys.argv[2]) if sys.argv[1:2] == ["exit"] else 0)
"""


def _repository() -> Path:
    """Return the root of the repository, or of the test's folder where Pants runs the test."""
    for folder in Path(__file__).resolve().parents:
        if (folder / "pants").is_file() and (folder / "3rdparty/python/pants.txt").is_file():
            return folder
    raise FileNotFoundError("no folder above holds the launcher `pants` and its locks")


class Sandbox:
    """A copy of the launcher, its locks and pants.toml, with an empty home and a bare PATH."""

    repository = _repository()

    def __init__(self, folder: Path) -> None:
        self.root = folder / "repo"
        self.home = folder / "home"
        self.bin = folder / "bin"
        self.cache = self.home / ".cache/modelkiln/pants"
        self.locks = self.root / "3rdparty/python"
        self.stdin = subprocess.DEVNULL
        self._log = folder / "log"
        self._client = folder / "client.py"
        self._settings = folder / "settings.json"
        for path in (self.locks, self.root / "deep/down", self.home, self.bin):
            path.mkdir(parents=True)
        for name in ("pants", *(f"3rdparty/python/{name}.txt" for name in ("pants", "pex-cli", "uv")), SETTINGS):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.repository / name, self.root / name)
        shutil.copytree(self.repository / "launcher", self.root / "launcher")
        (self.root / "pants.toml").write_text('[GLOBAL]\npants_version = "2.17.1"\n')
        for name in _TOOLS.split():
            found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/bin:/bin")
            if found:
                (self.bin / name).symlink_to(found)

    def installs(self) -> List[Path]:
        """Return the folders of installs, whole or not."""
        return [path for path in self.cache.glob("*") if len(path.name) == 32]

    def times_installed(self) -> int:
        """Return how often the stand-in has begun to install Pants."""
        return len(self._log.read_text().splitlines()) if self._log.exists() else 0

    def set_pip(self, **settings: str) -> None:
        """Let pip answer with these settings."""
        self._settings.write_text(json.dumps({name.replace("_", "-"): value for name, value in settings.items()}))

    def times_asked(self) -> int:
        """Return how often pip was asked for its settings."""
        log = Path(f"{self._settings}.asked")
        return len(log.read_text().splitlines()) if log.exists() else 0

    def add_program(self, path: Path, text: str) -> Path:
        """Write a program, here a script, to `path`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def add_python(
        self, path: Optional[Path] = None, hook: str = ":", problem: str = "", pip: str = ":", pex: str = ":"
    ) -> Path:
        """Add the stand-in for CPython 3.9, which runs `pip`, `hook` and `pex` before those stages.

        The launcher expects the Pex tool that it makes.
        """
        launcher = self.root / "pants"
        digest = "pex_sha256=" + hashlib.sha256(b"tool").hexdigest()
        launcher.write_text(re.sub(r"pex_sha256=\w+", digest, launcher.read_text(), count=1))
        self._client.write_text(_CLIENT)
        text = _PYTHON.replace("REAL_PYTHON", sys.executable).replace("CLIENT", str(self._client))
        values = {"LOG": str(self._log), "HOOK": hook, "PROBLEM": problem, "BEFORE_DOWNLOAD": pip, "BEFORE_PEX": pex}
        for name, value in {**values, "ANSWER": str(self._settings)}.items():
            text = text.replace(name, value)
        self.set_pip()
        return self.add_program(path or self.bin / "python3.9", text)

    def start(self, *args: str, cwd: str = ".", **env: str) -> "subprocess.Popen[str]":
        """Start the launcher with `args` in a folder of the repository."""
        return subprocess.Popen(
            [os.path.join(".", os.path.relpath(self.root / "pants", self.root / cwd)), *args],
            cwd=self.root / cwd,
            env={"PATH": str(self.bin), "HOME": str(self.home), **env},
            stdin=self.stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
        )

    def run(self, *args: str, cwd: str = ".", **env: str) -> "subprocess.CompletedProcess[str]":
        """Run the launcher to its end."""
        process = self.start(*args, cwd=cwd, **env)
        out, err = process.communicate(timeout=600)
        return subprocess.CompletedProcess(args, process.returncode, out, err)


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """Return a fresh repository with nothing installed."""
    return Sandbox(tmp_path)
