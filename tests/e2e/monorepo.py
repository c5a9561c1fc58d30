"""Repositories on disk, and the real `pants` run in them."""

import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from guard import mark, remove_at_end
from schemas import schema_problems

__all__ = [
    "ROOT",
    "Monorepo",
    "Run",
    "copy_repository",
    "end_shared",
    "environment",
    "files_of",
    "is_other_pants",
    "named_caches",
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
_COPIED = (
    "README.md",
    "pants",
    "pants.toml",
    "BUILD",
    "pyproject.toml",
    "3rdparty",
    "launcher",
    "src",
    "rules/house",
    "rules/pants_modelkiln",
)
# Of the caller's environment: what finds Pants and Python and says how the network is reached.
_PASSED = re.compile(
    r"HOME|PATH|LANG|LC_ALL|TMPDIR|USER|PYENV_ROOT|MODELKILN_(PYTHON39|PANTS_LAUNCHER|DEBIAN_\w+)|XDG_\w+|"
    r"(PIP|APT)_\w+|SSL_CERT_\w+|(REQUESTS|CURL)_CA_BUNDLE|NETRC|(?i:https?|no)_proxy"
)
# A command that starts another Pants than the one that this repository pins, for all of these tests:
# MODELKILN_TEST_PANTS="/opt/pants-2.33.0". See docs/pants-releases.md.
_OTHER_PANTS = shlex.split(os.environ.get("MODELKILN_TEST_PANTS", ""))
# A first command on a cold machine installs Pants and downloads everything.
_SECONDS = 900


def environment() -> Dict[str, str]:
    """Return the variables that a `pants` in a test runs with."""
    env = {name: value for name, value in os.environ.items() if _PASSED.fullmatch(name)}
    pyenv = Path.home() / ".pyenv"
    if pyenv.is_dir():
        env.setdefault("PYENV_ROOT", str(pyenv))  # Else it would move with HOME.
    return env


def is_other_pants() -> bool:
    """Whether these tests run under another Pants than the one that this repository pins."""
    return bool(_OTHER_PANTS)


def named_caches(env: Mapping[str, str]) -> Path:
    """Return the folder of named caches that Pants uses under `env`; the store is its `modelkiln`."""
    default = Path(env.get("XDG_CACHE_HOME") or Path(env["HOME"], ".cache"), "pants/named_caches")
    return Path(env.get("PANTS_NAMED_CACHES_DIR", default))


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
    """A repository at `root`. `env`: of its commands; `prefix`: a command that runs the launcher; `launcher`: one that
    starts Pants, where it is not that of all tests."""

    def __init__(
        self,
        root: Path,
        env: Optional[Mapping[str, str]] = None,
        umask: int = 0o022,
        prefix: Sequence[str] = (),
        launcher: Sequence[str] = (),
    ) -> None:
        self.root, self.umask, self.prefix = root, umask, tuple(prefix)
        own = self.root / "pants"
        self._launcher = list(launcher) or _OTHER_PANTS or [str(own if own.exists() else ROOT / "pants")]
        self.env = dict(environment() if env is None else env)
        self.dist = root / "dist"
        # A daemon that is ended leaves here what its processes had as inputs. Short: programs start from it. Of this
        # process: that of an earlier one, which had a folder of this name, may be on its way out.
        name = hashlib.sha256(b"%d %s" % (os.getpid(), bytes(root))).hexdigest()[:12]
        self._sandboxes = Path(tempfile.gettempdir(), f"modelkiln-e2e-{name}")

    def pants(self, *args: str, code: Optional[int] = 0, stdin: bytes = b"") -> Run:
        """Run `pants ARGS`, and expect it to end with `code` (None: any)."""
        self._sandboxes.mkdir(exist_ok=True)
        remove_at_end(self._sandboxes)
        more = {"PANTS_DYNAMIC_UI": "false", "PANTS_COLORS": "false"}
        # For one command a repository another waits a minute by default, which a loaded machine may need for one.
        more["PANTS_PANTSD_TIMEOUT_WHEN_MULTIPLE_INVOCATIONS"] = str(_SECONDS)
        more["PANTS_LOCAL_EXECUTION_ROOT_DIR"] = str(self._sandboxes)
        before = os.umask(self.umask)
        try:
            result = subprocess.run(
                [*self.prefix, *self._launcher, *args],
                cwd=self.root,
                env=mark({**more, **self.env}),
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
        """Return the record of a package in dist/, `src.models.digits/digits`; it has the documented form."""
        record = json.loads((self.dist / f"{name}.package.json").read_text("utf-8"))
        problems = schema_problems("record", record)
        assert not problems, "\n".join(problems)
        return record

    def stop(self) -> None:
        """End the Pants daemons of this repository, each by its process id, or leave its own to the next test."""
        if self is _Shared.user:
            _Shared.user = None
        else:
            self.end()

    def daemons(self) -> List[int]:
        """Return the process ids of the Pants daemons of this repository."""
        # Since Pants 2.23 below .pants.d. All before one is ended, since a daemon that ends removes its folder.
        files = [*self.root.glob(".pids/*/pantsd/pid"), *self.root.glob(".pants.d/pids/*/pantsd/pid")]
        return [int(file.read_text()) for file in files]

    def end(self) -> None:
        """End the Pants daemons of this repository, each by its process id."""
        for pid in self.daemons():
            _end(pid)
        shutil.rmtree(self._sandboxes, ignore_errors=True)


class _Shared:
    """A folder in which one test after the other makes its small monorepo. A daemon takes ten seconds of a processor
    to start, and more to look at the machine, so that they have one in common."""

    user: Optional[Monorepo] = None
    last: Optional[Monorepo] = None


def end_shared() -> None:
    """End the daemon that small monorepos have in common."""
    if _Shared.last:
        _Shared.last.end()
    _Shared.user = _Shared.last = None


def _borrow(folder: Path, env: Mapping[str, str]) -> Monorepo:
    """Return an empty monorepo that has a daemon, if there is one and nobody has it; else a new one in `folder`."""
    if _Shared.user:
        return Monorepo(folder, env)
    root = _Shared.last.root if _Shared.last else folder
    for path in root.iterdir() if _Shared.last else ():
        # Pants restarts its daemon where its configuration is written.
        if path.name not in (".pids", ".pants.d", "pants.toml"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    _Shared.user = _Shared.last = Monorepo(root, env)
    return _Shared.user


def _is_plain(env: Mapping[str, str]) -> bool:
    # Whether a daemon that runs under this process's environment would serve it.
    own = environment()
    changed = {name for name in {*env, *own} if env.get(name) != own.get(name)}
    return not any(re.match("HOME|XDG_|TMPDIR|PANTS_(?!MODELKILN_|PYTHON_RESOLVES)", name) for name in changed)


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


def copy_repository(folder: Path, reverse: bool = False, any_release: bool = bool(_OTHER_PANTS)) -> Path:
    """Copy this repository, without its CUDA variants, to `folder`; what is another there is put right.

    reverse: make its files in the opposite order. any_release: not for the Pants of pants.toml alone.
    """
    files: List[Path] = []
    for name in _COPIED:
        path = ROOT / name
        inner = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
        files += [one for one in inner if "__pycache__" not in one.parts]
    wanted = {folder / file.relative_to(ROOT): file for file in sorted(files, reverse=reverse)}
    for name in _COPIED:
        for path in (folder / name).rglob("*"):
            if path.is_file() and path not in wanted and "__pycache__" not in path.parts:
                path.unlink()
    for target, file in wanted.items():
        data = file.read_bytes()
        if file == ROOT / _DIGITS:
            # Its CUDA variant would be two gigabytes to fetch for each empty cache; tests/bench has it.
            assert _CUDA_VARIANT in data, f"{file}: has no {_CUDA_VARIANT!r}"
            data = data.replace(_CUDA_VARIANT, b"")
        if file == ROOT / _INTAKE:
            assert _CPU_VARIANT in data, f"{file}: has no {_CPU_VARIANT!r}"
            data = data.replace(_CPU_VARIANT, b"")
        if file == ROOT / "pants.toml" and any_release:
            data = _for_any_release(data)
        if not target.exists() or data != target.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            shutil.copymode(file, target)
    # Ignored by Pants, and so not in its sandbox.
    link = folder / "rules/modelkiln"
    if not link.is_symlink():
        link.symlink_to("../src/modelkiln")
    return folder


def _for_any_release(settings: bytes) -> bytes:
    """Return pants.toml without ruff, whose settings no two releases share; PANTS_VERSION overrides the version."""
    lines = re.sub(rb'^  "pants\..*\.ruff",\n', b"", settings, flags=re.M)
    return re.sub(rb"^\[ruff\]\n([^\[\n].*\n)*", b"", lines, flags=re.M)


_DIGITS = "src/models/digits/BUILD"
_CUDA_VARIANT = b'    accelerator=parametrize("cpu", "cuda12"),\n'
# An ensemble that has the other variant as a member.
_INTAKE = "src/models/intake/BUILD"
_CPU_VARIANT = b"@accelerator=cpu"

_PANTS_TOML = """\
[GLOBAL]
{version}backend_packages = ["pants.backend.python", "pants_modelkiln"]
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


def small_monorepo(
    folder: Path,
    backend: str = "",
    options: Optional[Mapping[str, Any]] = None,
    env: Optional[Mapping[str, str]] = None,
    **settings: Any,
) -> Monorepo:
    """Make a repository of somebody else: other folders and names, one model that needs only numpy.

    It lies in `folder`, or where another test's was that has been stopped, with its daemon and nothing else.
    backend: lines for [GLOBAL] that say where the backend comes from (default: this repository).
    options: of [modelkiln]; they come from the environment. env, settings: as of Monorepo.
    """
    env = dict(environment() if env is None else env)
    for name, value in (options or {}).items():
        env[f"PANTS_MODELKILN_{name.upper()}"] = str(value)
    is_own = backend or settings or not _is_plain(env)
    repo = Monorepo(folder, env, **settings) if is_own else _borrow(folder, env)
    version = re.search(r'^pants_version = ".*"\n', (ROOT / "pants.toml").read_text(), re.MULTILINE)
    assert version
    here = f'pythonpath = ["{ROOT}/rules", "{ROOT}/src"]\n'
    text = _PANTS_TOML.format(version=version[0], backend=backend or here)
    if not (repo.root / "pants.toml").exists() or text != repo.read("pants.toml"):
        repo.write("pants.toml", text)
    # One pin of this repository's lock, which needs nothing else.
    pin = re.search(r"^numpy==.*(\n +--hash.*)+\n", (ROOT / "3rdparty/python/cpu.txt").read_text(), re.MULTILINE)
    assert pin
    repo.write("locks/python.txt", pin[0])
    repo.write("locks/python.in", "numpy\n")
    repo.write("locks/BUILD", 'python_requirements(source="python.in")\n')
    repo.write("images/BUILD", 'oci_base_image(name="python", lock="python.json")\n')
    shutil.copy(ROOT / "3rdparty/debian/python311.lock.json", repo.root / "images/python.json")
    inputs, outputs = [_tensor("clouds", [-1, 2])], [_tensor("amount", [-1])]
    request = [_tensor("clouds", [2, 2], [1, 2, 3, 4])]
    repo.write("rain/BUILD", _BUILD)
    repo.write("rain/forecast.py", _SCRIPT)
    repo.write("rain/factor.txt", "0.5")
    repo.write("rain/signature.json", json.dumps({"inputs": inputs, "outputs": outputs}))
    repo.write("rain/request.json", json.dumps({"inputs": request}))
    repo.write("rain/response.json", json.dumps({"outputs": [_tensor("amount", [2], [1.5, 3.5])]}))
    return repo
