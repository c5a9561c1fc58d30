"""Machine configuration: where bytes come from, which must not say what they are.

pip's, apt's and TLS settings of a machine decide from where a pinned file is fetched. They are
kept out of cache keys on purpose: a file is accepted by its hash alone. Build processes run with
an empty environment, so the variables travel next to the store: in a file of `machine/` for each run
of Pants, which a build process finds by its ancestors, so that runs with different logins do not
get in each other's way.
"""

import fcntl
import functools
import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, Mapping, Optional

from modelkiln.errors import ModelkilnError
from modelkiln.machine.file_locks import is_locked

__all__ = [
    "INSECURE_REGISTRIES",
    "abandoned_settings",
    "find_python",
    "insecure_registries",
    "is_running",
    "load_machine_env",
    "own_settings",
    "run_name",
    "save_machine_env",
    "save_machine_file",
    "save_python",
    "select_machine_env",
]

_FOLDER = "machine"
_UNHELD_SECONDS = 60
_PROCESSES = Path("/proc")
# Whether settings of a run that this process does not belong to are none of its business.
_is_on_its_own = False
# Of this process, the open files by which others see that it lives.
_held: dict[Path, int] = {}
_PREFIXES = (
    "APT_", "AWS_", "AZURE_", "GIT_CONFIG_", "GOOGLE_", "HF_", "MLFLOW_S3_", "MLFLOW_TRACKING_", "MODELKILN_DEBIAN_",
    "MODELKILN_INDEXES", "MODELKILN_INSECURE_", "MODELKILN_SCIE_", "MODELKILN_UNSANDBOXED_", "PIP_",
    "TWINE_",
)  # fmt: skip
# Hosts, with a port, of registries that may be spoken to without TLS; spaces or commas between.
INSECURE_REGISTRIES = "MODELKILN_INSECURE_REGISTRIES"
_NAMES = frozenset(
    {
        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC",
        "DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_CONFIG_DIRS", "XDG_CONFIG_HOME",
        "XDG_RUNTIME_DIR",
        # Where a container engine is.
        "CONTAINER_CONNECTION", "CONTAINER_HOST", "CONTAINER_SSHKEY", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF",
        "DOCKER_CERT_PATH", "DOCKER_CONTEXT", "DOCKER_HOST", "DOCKER_TLS_VERIFY",
        # Where git keeps logins, and where keys for ssh are.
        "GIT_ASKPASS", "GIT_SSH", "GIT_SSH_COMMAND", "SSH_AUTH_SOCK",
        "CLOUDSDK_CONFIG", "HUGGING_FACE_HUB_TOKEN", "MODELKILN_CHECKOUT", "STORAGE_EMULATOR_HOST",
    }
)  # fmt: skip


def select_machine_env(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of `environ` that say where and how to fetch."""
    return {name: value for name, value in sorted(environ.items()) if name in _NAMES or name.startswith(_PREFIXES)}


def run_name(store_root: Path) -> Optional[str]:
    """Return what the run of Pants, or its daemon, that this process is a descendant of is called; None without one."""
    pid = os.getpid()
    with suppress(OSError, KeyError):
        while pid > 0:
            name, pid = _identity(pid)
            if (store_root / _FOLDER / f"{name}.json").is_file():
                return name
    return None


def is_running(store_root: Path, name: str) -> bool:
    """Return whether the run of this name, or the daemon, lives: it holds its settings as long as it does."""
    return is_locked(store_root / _FOLDER / f"{name}.json")


def abandoned_settings(store_root: Path) -> list[Path]:
    """Return the files of `save_machine_env` whose runs are over."""
    now = time.time()
    found = []
    for path in sorted((store_root / _FOLDER).glob("*.json")):
        with suppress(FileNotFoundError):
            # A file is there for a moment before its process holds it; a minute is more than that.
            if now - path.stat().st_mtime > _UNHELD_SECONDS and not is_locked(path):
                found.append(path)
    return found


def save_machine_env(store_root: Path, environ: Mapping[str, str]) -> None:
    """Write the fetch settings of `environ` next to the store, for this process and its descendants.

    The file has the mode 0600, since it may hold credentials. As long as this process lives it holds
    a lock on it; files that nobody holds are of runs that are over, and are removed.
    """
    name = f"{_FOLDER}/{_identity(os.getpid())[0]}.json"
    save_machine_file(store_root, name, json.dumps(select_machine_env(environ), indent=1, sort_keys=True))
    _hold(store_root / name)
    for path in abandoned_settings(store_root):
        path.unlink(missing_ok=True)


def _hold(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    fcntl.flock(file, fcntl.LOCK_SH)
    before = _held.pop(path, None)
    if before is not None:
        os.close(before)
    _held[path] = file


def _identity(pid: int) -> tuple[str, int]:
    """What no other process of this machine is called, and the parent's id.

    Raises OSError or KeyError for one that is over.
    """
    if not (_PROCESSES / "self").exists():
        return _listed_processes(os.getpid())[pid]
    fields = (_PROCESSES / f"{pid}/stat").read_text().rpartition(")")[2].split()  # proc(5)
    return f"{pid}-{fields[19]}", int(fields[1])  # starttime and ppid, of which the first is field 3.


@functools.lru_cache(maxsize=1)
def _listed_processes(asking: int) -> dict[int, tuple[str, int]]:
    """What `_identity` returns, by id, on a system without /proc, as macOS: as the process `asking` first saw them.

    Its ancestors are what they were: a process whose parent ends gets another one, and no other name.
    """
    found = {asking: (f"{asking}-0", 0)}  # Where there is no ps either.
    command, env = ["/bin/ps", "-A", "-o", "pid=,ppid=,lstart="], {"LC_ALL": "C", "TZ": "UTC0"}
    with suppress(OSError):
        listed = subprocess.run(command, env=env, capture_output=True, text=True, check=False).stdout
        for line in listed.splitlines():
            pid, parent, *started = line.split()  # As in "7 1 Mon Nov 30 21:02:22 2026".
            found[int(pid)] = f"{pid}-{''.join(started).replace(':', '')}", int(parent)
    return found


@contextmanager
def own_settings() -> Iterator[None]:
    """Inside, the settings are those of the run that this process belongs to, else of its own environment.

    For commands: which registries may be spoken to without TLS, and with which login, is for the caller to
    say, and not for the last build of some repository.
    """
    global _is_on_its_own
    before, _is_on_its_own = _is_on_its_own, True
    try:
        yield
    finally:
        _is_on_its_own = before


def _settings_file(store_root: Path) -> Optional[Path]:
    """The file of the run that this process belongs to, else the one that was written last: a step in a
    container does not see whose descendant it is."""
    folder, name = store_root / _FOLDER, run_name(store_root)
    if name is not None:
        return folder / f"{name}.json"
    if _is_on_its_own:
        return None
    found = []
    with suppress(OSError):
        for path in folder.glob("*.json"):
            with suppress(FileNotFoundError):  # Another run removes those of runs that are over.
                found.append((path.stat().st_mtime_ns, path))
    return max(found)[1] if found else None


def save_machine_file(store_root: Path, name: str, text: str) -> None:
    """Write a file that is about this machine alone next to the store, when it changed."""
    target = store_root / name
    try:
        if target.read_text() == text:
            return
    except OSError:
        pass
    target.parent.mkdir(parents=True, exist_ok=True)
    # Where what killed processes left is removed. Mode 0600: it may hold credentials.
    (store_root / "incoming").mkdir(exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=store_root / "incoming")
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def save_python(store_root: Path, release: str, path: str) -> None:
    """Remember next to the store which interpreter of this machine runs PEX files for `release`."""
    save_machine_file(store_root, f"pythons/{release}", path)


def find_python(store_root: Path, release: str) -> Path:
    """Return this machine's CPython of `release` ("3.11"): the remembered one, else that on PATH."""
    try:
        return Path((store_root / "pythons" / release).read_text())
    except OSError:
        found = shutil.which(f"python{release}")
    if not found:
        raise ModelkilnError(f"no CPython {release} on PATH to run the package with. Install one.")
    return Path(found)


def load_machine_env(store_root: Path) -> dict[str, str]:
    """Return the environment for a tool that fetches (pip, apt): fetch settings, HOME and PATH."""
    file = _settings_file(store_root)
    try:
        own = select_machine_env(os.environ) if _is_on_its_own else {}
        saved = json.loads(file.read_text()) if file else own
    except OSError:
        saved = {}
    try:
        home = pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:  # A user that this machine has no name for, as containers have.
        home = os.environ.get("HOME") or "/"
    path = os.environ.get("PATH") or "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    return {"HOME": home, "LC_ALL": "C.UTF-8", **saved, "PATH": path}


def insecure_registries(env: Mapping[str, str]) -> frozenset[str]:
    """Return the registries (host, with a port when it has one) that may be spoken to without TLS."""
    return frozenset(env.get(INSECURE_REGISTRIES, "").replace(",", " ").split())
