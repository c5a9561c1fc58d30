"""Repositories on disk, and the real `pants` run in them."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

__all__ = [
    "ROOT",
    "Monorepo",
    "Run",
    "copy_repository",
    "environment",
    "files_of",
    "named_caches",
    "need_sdist",
    "other_host",
    "other_user",
    "small_monorepo",
]


def _find_root() -> Path:
    # Under Pants this is the sandbox, which has a copy of what `//:repository` names.
    for folder in Path(__file__).resolve().parents:
        if (folder / "pants.toml").is_file() and (folder / "pants").is_file():
            return folder
    raise FileNotFoundError("no folder above holds `pants` and `pants.toml`")


ROOT = _find_root()

# What a repository consists of, as far as these tests go.
_COPIED = ("pants", "pants.toml", "BUILD", "pyproject.toml", "3rdparty", "src", "rules/pants_modelkiln")
# Of the caller's environment: what finds Pants and Python and tells how the network is reached.
_PASSED = re.compile(
    r"HOME|PATH|LANG|LC_ALL|TMPDIR|USER|PYENV_ROOT|MODELKILN_(PYTHON39|PANTS_LAUNCHER|DEBIAN_\w+)|XDG_\w+|"
    r"(PIP|APT)_\w+|SSL_CERT_\w+|(REQUESTS|CURL)_CA_BUNDLE|NETRC|(?i:https?|no)_proxy"
)
# A first command on a cold machine installs Pants and downloads everything.
_SECONDS = 900


def environment() -> Dict[str, str]:
    """Return the variables that a `pants` in a test runs with."""
    env = {name: value for name, value in os.environ.items() if _PASSED.fullmatch(name)}
    pyenv = Path.home() / ".pyenv"
    if pyenv.is_dir():
        env.setdefault("PYENV_ROOT", str(pyenv))  # Else it would move with HOME.
    return env


def named_caches(env: Mapping[str, str]) -> Path:
    """Return the folder of named caches that Pants uses under `env`; the store is its `modelkiln`."""
    default = Path(env.get("XDG_CACHE_HOME") or Path(env["HOME"], ".cache"), "pants/named_caches")
    return Path(env.get("PANTS_NAMED_CACHES_DIR", default))


def other_host() -> List[str]:
    """Return a command prefix for another host name and fixed addresses, as far as this host allows."""
    prefix = ["unshare", "--uts", "setarch", "-R", "sh", "-c", 'hostname elsewhere; exec "$@"', "sh"]
    try:
        subprocess.run([*prefix, "true"], check=True, stderr=subprocess.PIPE)
    except (OSError, subprocess.CalledProcessError):
        return []
    return prefix


def other_user(folder: Path) -> Dict[str, str]:
    """Return the environment of a user with other habits, and nothing in any cache."""
    programs = folder / "programs"
    programs.mkdir(parents=True)
    for name in ("gzip", "zstd", "tar", "zip", "dpkg-deb", "zipinfo"):
        (programs / name).write_text("#!/bin/sh\nexit 9\n")
        (programs / name).chmod(0o755)
    env = environment()
    # Installed once for all: the launcher's Pants.
    env.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    # Where the network is reached is configured below the home.
    env.setdefault("XDG_CONFIG_HOME", str(Path.home() / ".config"))
    home = folder / "home of somebody else"
    home.mkdir()
    return {
        **env,
        "EDITOR": "ed",
        "HOME": str(home),
        "LANG": "tr_TR.UTF-8",
        "LC_ALL": "tr_TR.UTF-8",
        "LOGNAME": "somebody",
        "PANTS_LOCAL_STORE_DIR": str(folder / "caches/lmdb_store"),
        "PANTS_NAMED_CACHES_DIR": str(folder / "caches/named_caches"),
        "PATH": f"{programs}:{env['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "7",
        "SOURCE_DATE_EPOCH": "1000000000",
        "TZ": "Asia/Kathmandu",
        "USER": "somebody",
    }


@dataclass(frozen=True)
class Run:
    """How a command ended. counters: of processes and caches, by name; for `--stats-log` alone."""

    code: int
    out: bytes
    log: str

    @property
    def counters(self) -> Dict[str, int]:
        return {name: int(value) for name, value in re.findall(r"^  (\w+): (\d+)$", self.log, re.MULTILINE)}

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Monorepo:
    """A repository at `root`. `env`: of its commands; `prefix`: a command that runs the launcher."""

    def __init__(
        self, root: Path, env: Optional[Mapping[str, str]] = None, umask: int = 0o022, prefix: Sequence[str] = ()
    ) -> None:
        self.root, self.umask, self.prefix = root, umask, tuple(prefix)
        self.env = dict(environment() if env is None else env)
        self.dist = root / "dist"

    def pants(self, *args: str, code: Optional[int] = 0, stdin: bytes = b"") -> Run:
        """Run `pants ARGS`, and expect it to end with `code` (None: any)."""
        launcher = self.root / "pants"
        before = os.umask(self.umask)
        try:
            result = subprocess.run(
                [*self.prefix, str(launcher if launcher.exists() else ROOT / "pants"), *args],
                cwd=self.root,
                env={"PANTS_DYNAMIC_UI": "false", "PANTS_COLORS": "false", **self.env},
                input=stdin,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        finally:
            os.umask(before)
        run = Run(result.returncode, result.stdout, result.stderr.decode("utf-8", "replace"))
        assert code in (None, run.code), f"pants {' '.join(args)} ended with {run.code}\n{run.log}\n{run.out!r}"
        return run

    def read(self, path: str) -> str:
        return (self.root / path).read_text("utf-8")

    def write(self, path: str, text: str) -> None:
        """Write a file, and its folder."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, "utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        """Replace the one place where `old` is in a file."""
        text = self.read(path)
        assert text.count(old) == 1, f"{path}: {old!r} is there {text.count(old)} times"
        self.write(path, text.replace(old, new))

    def record(self, name: str) -> Any:
        """Return the record of a package in dist/, `src.models.digits/digits`."""
        return json.loads((self.dist / f"{name}.package.json").read_text("utf-8"))

    def stop(self) -> None:
        """End the Pants daemons of this repository, each by its process id."""
        for file in self.root.glob(".pids/*/pantsd/pid"):
            _end(int(file.read_text()))


def _end(pid: int) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
            for _ in range(100):
                time.sleep(0.1)
                os.kill(pid, 0)
                if Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0] == "Z":
                    return  # It waits for its parent, and does nothing more.
        except (ProcessLookupError, FileNotFoundError):
            return


def files_of(folder: Path) -> Dict[str, Tuple[str, str]]:
    """Return all files below `folder` by relative path: what they are, with their digest or target.

    Where an absolute link leads (to the store) is this machine's; what lies there counts by the
    relative links through it.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            target = os.readlink(path)
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            found[name] = ("link", "" if os.path.isabs(target) else f"{target} {content}")
        elif path.is_file():
            kind = "program" if path.stat().st_mode & 0o100 else "file"
            found[name] = (kind, hashlib.sha256(path.read_bytes()).hexdigest())
    return found


def copy_repository(folder: Path, reverse: bool = False) -> Path:
    """Copy this repository, without its CUDA variants, to `folder`.

    reverse: make its files in the opposite order.
    """
    files: List[Path] = []
    for name in _COPIED:
        path = ROOT / name
        inner = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
        files += [one for one in inner if "__pycache__" not in one.parts]
    for file in sorted(files, reverse=reverse):
        target = folder / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    # Its CUDA variant would be two gigabytes to fetch for each empty cache; tests/bench has it.
    digits = folder / "src/models/digits/BUILD"
    text = digits.read_text("utf-8")
    assert _CUDA_VARIANT in text, f"{digits}: has no {_CUDA_VARIANT!r}"
    digits.write_text(text.replace(_CUDA_VARIANT, ""), "utf-8")
    # Ignored by Pants, and so not in its sandbox.
    (folder / "rules/modelkiln").symlink_to("../src/modelkiln")
    return folder


_CUDA_VARIANT = '    accelerator=parametrize("cpu", "cuda12"),\n'

_PANTS_TOML = """\
[GLOBAL]
pants_version = "{version}"
backend_packages = ["pants.backend.python", "pants_modelkiln"]
{backend}
[source]
root_patterns = ["/"]

[python]
interpreter_constraints = ["CPython==3.11.*"]
enable_resolves = true
invalid_lockfile_behavior = "ignore"

[python.resolves]
python-default = "locks/python.txt"

[modelkiln]
base_image = "images:python"
{modelkiln}
"""
_BUILD = """\
python_sources(name="code")

model_artifact(name="weights", source="factor.txt")

model_package(
    name="rain",
    entry_point="rain.forecast:predict",
    artifacts=[":weights"],
    signature="signature.json",
    version="0.1.0",
)

model_smoke_test(name="smoke", package=":rain", request="request.json", expected="response.json")
"""
_SCRIPT = """\
import numpy


def predict(inputs, model):
    factor = numpy.float32((model / "factor.txt").read_text())
    return {"amount": inputs["clouds"].sum(axis=1) * factor}
"""


def _tensor(name: str, shape: List[int], data: Optional[List[float]] = None) -> Dict[str, Any]:
    return {"name": name, "datatype": "FP32", "shape": shape, **({} if data is None else {"data": data})}


# Released in 2014 as an sdist, and never as a wheel.
_DOCOPT = "docopt==0.6.2 --hash=sha256:49b3a825280bd66b3aa83585ef59c4a8c82f2c8a522dbe754a8bc8d08c85c491\n"


def need_sdist(repo: Monorepo) -> None:
    """Have the model of a small monorepo need a package that exists as an sdist alone."""
    repo.write("locks/python.in", repo.read("locks/python.in") + "docopt\n")
    repo.write("locks/python.txt", repo.read("locks/python.txt") + _DOCOPT)
    text = (ROOT / "rules/pants_modelkiln/pip_tools.txt").read_text()
    pin = re.search(r"^setuptools==.*(\n +--hash.*)+\n", text, re.MULTILINE)
    assert pin
    repo.write("locks/python.build.txt", pin[0])
    repo.replace("rain/forecast.py", "import numpy\n", "import docopt  # noqa: F401\nimport numpy\n")


def small_monorepo(folder: Path, backend: str = "", modelkiln: str = "", **settings: Any) -> Monorepo:
    """Make a repository of somebody else: other folders and names, one model that needs only numpy.

    backend: lines for [GLOBAL] that say where the backend comes from (default: this repository).
    modelkiln: lines for [modelkiln]. settings: as of Monorepo.
    """
    repo = Monorepo(folder, **settings)
    version = re.search(r'^pants_version = "(.*)"', (ROOT / "pants.toml").read_text(), re.MULTILINE)
    assert version
    here = f'pythonpath = ["{ROOT}/rules", "{ROOT}/src"]\n'
    text = _PANTS_TOML.format(version=version[1], backend=backend or here, modelkiln=modelkiln)
    repo.write("pants.toml", text)
    # One pin of this repository's lock, which needs nothing else.
    pin = re.search(r"^numpy==.*(\n +--hash.*)+\n", (ROOT / "3rdparty/python/cpu.txt").read_text(), re.MULTILINE)
    assert pin
    repo.write("locks/python.txt", pin[0])
    repo.write("locks/python.in", "numpy\n")
    repo.write("locks/BUILD", 'python_requirements(source="python.in")\n')
    repo.write("images/BUILD", 'oci_base_image(name="python", lock="python.json")\n')
    shutil.copy(ROOT / "3rdparty/debian/python311.lock.json", folder / "images/python.json")
    inputs, outputs = [_tensor("clouds", [-1, 2])], [_tensor("amount", [-1])]
    request = [_tensor("clouds", [2, 2], [1, 2, 3, 4])]
    repo.write("rain/BUILD", _BUILD)
    repo.write("rain/forecast.py", _SCRIPT)
    repo.write("rain/factor.txt", "0.5")
    repo.write("rain/signature.json", json.dumps({"inputs": inputs, "outputs": outputs}))
    repo.write("rain/request.json", json.dumps({"inputs": request}))
    repo.write("rain/response.json", json.dumps({"outputs": [_tensor("amount", [2], [1.5, 3.5])]}))
    return repo
