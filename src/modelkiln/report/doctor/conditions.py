"""What this machine has and lacks for building, testing and publishing packages, with a remedy for each."""

import os
import platform
import re
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Iterator, Mapping

from modelkiln import __version__
from modelkiln.errors import ModelkilnError
from modelkiln.machine.container_engine import ENGINES, why_unusable
from modelkiln.machine.git import Git
from modelkiln.machine.gpu import find_gpu
from modelkiln.machine.sandbox import can_run, find_bwrap
from modelkiln.report.doctor.condition import Condition
from modelkiln.report.doctor.reaching import reaching
from modelkiln.runtime.weights.progress import readable_size
from modelkiln.store.cleaning import list_blobs
from modelkiln.store.store import Store
from modelkiln.wording import counted

__all__ = ["conditions"]

_PYTHONS = range(9, 15)
# A CUDA image with its wheels takes about this much, unpacked for a test.
_ROOM = 10 << 30
# Debian's security suite replaces packages about as often as this.
_OLD_DAYS = 90
_DAY_SECONDS = 86400
_DRIVER = Path("/proc/driver/nvidia/version")


def conditions(store: Store, env: Mapping[str, str], folder: Path) -> Iterator[Condition]:
    """Yield what there is to say, one thing after the other, as some take seconds to find out.

    env: the settings for speaking to servers. folder: where locks are looked for, the root of a repository. Nothing
    is fetched and nothing is changed.
    """
    yield _system()
    yield from _pythons(env)
    yield from _sandbox()
    yield _gpu()
    yield from _engines()
    yield from _programs(env)
    yield from reaching(env)
    yield from _store(store)
    yield from _locks(folder, env)


def _system() -> Condition:
    libc = (os.confstr("CS_GNU_LIBC_VERSION") or "") if sys.platform.startswith("linux") else ""
    found = f"Modelkiln {__version__} on {platform.system()} {platform.machine()}{f', {libc}' if libc else ''}"
    if libc:
        return Condition("machine", "ok", found)
    if sys.platform == "darwin":
        remedy = "Packages for Linux are built here, byte code by podman or Docker; start and test them on Linux."
        return Condition("machine", "none", f"{found}, which starts no programs for Linux", remedy)
    remedy = "Packages are built and tested on Linux with glibc; use a machine or a container of that kind."
    return Condition("machine", "problem", f"{found}, which is not Linux with glibc", remedy)


def _pythons(env: Mapping[str, str]) -> Iterator[Condition]:
    yield Condition("Python", "ok", f"CPython {platform.python_version()} runs this command")
    path = env.get("PATH", "")
    found = [f"3.{minor}" for minor in _PYTHONS if shutil.which(f"python3.{minor}", path=path)]
    remedy = "Install the CPython of your resolves: a PEX is tested with its own release."
    if found:
        yield Condition("Python", "ok", f"on PATH: {', '.join(found)}")
    else:
        yield Condition("Python", "none", "no CPython 3.9 to 3.14 on PATH", remedy)


def _sandbox() -> Iterator[Condition]:
    reason = can_run()
    if reason is None:
        yield Condition("sandbox", "ok", f"{find_bwrap()} runs images and builds of sdists")
        return
    what, _, remedy = reason.partition("; ")
    state = "none" if find_bwrap() is None else "problem"
    yield Condition("sandbox", state, what, remedy[:1].upper() + remedy[1:])


def _gpu() -> Condition:
    gpu = find_gpu()
    try:
        version = re.search(r"\s(\d+\.\d+(?:\.\d+)?)\s", _DRIVER.read_text("utf-8", "replace"))
    except OSError:
        version = None
    driver = f", driver {version[1]}" if version else ""
    if gpu is not None:
        number = sum(bool(re.fullmatch(r"/dev/nvidia[0-9]+", device)) for device in gpu.devices)
        return Condition("GPU", "ok", f"{counted(number, 'GPU')} of NVIDIA{driver}")
    if version:
        remedy = "Check `nvidia-smi`; in a container, start it with the GPUs (podman and docker: --gpus all)."
        return Condition(
            "GPU", "problem", f"a driver of NVIDIA is there{driver}, and no GPU or no libcuda.so.1", remedy
        )
    remedy = "CUDA packages are built and linked here all the same; run their smoke tests where there is a GPU."
    return Condition("GPU", "none", "no GPU of NVIDIA", remedy)


def _engines() -> Iterator[Condition]:
    reasons = {engine: why_unusable(engine) for engine in ENGINES}
    usable = [engine.program for engine, reason in reasons.items() if reason is None]
    if usable:
        yield Condition("container engine", "ok", f"{', '.join(usable)} can be loaded into (modelkiln load)")
    for engine, reason in reasons.items():
        if reason not in (None, "not installed"):
            remedy = f"Start it, or see what `{engine.program} {' '.join(engine.probe)}` says."
            yield Condition("container engine", "none" if usable else "problem", f"{engine.program} {reason}", remedy)
    if all(reason == "not installed" for reason in reasons.values()):
        remedy = "None is needed to build, test or publish; `modelkiln load` wants podman, docker or containerd."
        yield Condition("container engine", "none", "no podman, docker or containerd", remedy)


_PROGRAMS = (
    ("pants", "the launcher", "Install Pants' launcher; in this repository ./pants does without."),
    ("git", "sources in git and Git LFS", "Install git."),
    ("gpgv", "locking Debian packages", "Install gpgv and debian-archive-keyring."),
    ("skopeo", "copies of images between registries", "Install skopeo where you copy images by hand."),
)


def _programs(env: Mapping[str, str]) -> Iterator[Condition]:
    for name, purpose, remedy in _PROGRAMS:
        path = shutil.which(name, path=env.get("PATH", ""))
        if path:
            yield Condition("program", "ok", f"{path}, for {purpose}")
        else:
            yield Condition("program", "none", f"no {name}, for {purpose}", remedy)


def _store(store: Store) -> Iterator[Condition]:
    root = store.root
    if not root.is_dir():
        yield Condition("store", "ok", f"{root}: is made by the first build")
        return
    blobs = list(list_blobs(store))
    size = sum(blob.size for blob in blobs)
    free = shutil.disk_usage(root).free
    yield Condition("store", "ok", f"{root}: {counted(len(blobs), 'blob')}, {readable_size(size)}")
    if free < _ROOM:
        remedy = "Make room: modelkiln store gc --older-than 30d --dry-run says what would go."
        yield Condition("store", "problem", f"{readable_size(free)} are free on its disk", remedy)
    if not os.access(root, os.W_OK):
        yield Condition(
            "store", "problem", "it cannot be written to", f"Give it to the user that builds, or use --store: {root}"
        )
    corrupt = list((root / "corrupt").iterdir()) if (root / "corrupt").is_dir() else []
    if corrupt:
        remedy = f"Look for a failing disk; {root / 'corrupt'} can be removed, and builds make the blobs again."
        yield Condition("store", "problem", f"{counted(len(corrupt), 'damaged blob')} was found and set aside", remedy)


def _locks(folder: Path, env: Mapping[str, str]) -> Iterator[Condition]:
    """Locks of Debian packages below `folder` that were not written for long."""
    now = time.time()
    for path in sorted(_lock_files(folder)):
        days = int((now - _written(path, env)) / _DAY_SECONDS)
        if days >= _OLD_DAYS:
            remedy = "See what changed since with `pants lock --check`, and lock again for Debian's security updates."
            yield Condition("lock", "none", f"{path.relative_to(folder)}: written {days} days ago", remedy)


def _written(path: Path, env: Mapping[str, str]) -> float:
    """When a file was committed last, else when it was written: a checkout is as young as its clone."""
    with suppress(ModelkilnError, ValueError):
        return float(Git(path.parent, env, str(path)).run("log", "-1", "--format=%ct", "--", path.name))
    return path.stat().st_mtime


def _lock_files(folder: Path) -> Iterator[Path]:
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in ("dist", "node_modules")]
        for path in (Path(top, name) for name in names if name.endswith(".lock.json")):
            with suppress(OSError):
                if b'"suite"' in path.read_bytes():
                    yield path
