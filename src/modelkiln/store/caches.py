"""What a store has next to its blobs: answers, unpacked interpreters and toolchains, environments of tested PEX files.

All of it can be made again. Each is known by its age and size; what lies in environments of PEX
files is shared between them, and goes with the last one.
"""

import fcntl
import os
import re
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Iterator, Optional

from modelkiln.machine.file_locks import is_locked, try_lock
from modelkiln.store.store import BLOBS, VIEWS

__all__ = ["PEX_RUN", "TOOL_MARK", "CachedThing", "PexRuns", "held_blobs", "list_caches"]

# The folder of PEX files that are tested (a PEX_ROOT); those of Pex itself, pip and science.
PEX_RUN = "pex-run"
_WHOLE = ("pex-root", "pip-cache", "pip-tools-cache", "scie-base")
# One thing for each entry. Answers are written anew when they are missing; the second list is of
# what a process may be reading for as long as it runs.
_ANSWERS = ("built", "choices", "contents", "layers", "published", "verified")
_FOLDERS = ("interpreters/", "toolchains/")
# pex/cache/dirs.py and formats/installer: what the environments of PEX files link to.
_SHARED = ("bootstraps", "installed_wheels", "user_code")
_LINK = re.compile(rf"/({'|'.join(_SHARED)})/([^/]+)/([^/]+)")
_SHORT = "s"
_LAST_ACCESS = ".last-access"
# In an environment of the engine: written by what starts there (pants_modelkiln.engine.tool). Python takes less than
# a minute from there to the lock, also on a loaded machine.
TOOL_MARK = "used"
_START_SECONDS = 60
_RECORD_SECONDS = 30 * 86400


@dataclass(frozen=True)
class CachedThing:
    """name: relative to the store. size: bytes, with its part of what it shares. used_ns: when it was
    last used (ns, Unix time). paths: what there is to remove. tool: the environment of the engine's that it is,
    whose users hold a lock. is_left: it is half made, and who made it is gone: nobody will use it, whatever its age."""

    name: str
    size: int
    used_ns: int
    paths: tuple[Path, ...]
    tool: Optional["ToolEnvironment"] = None
    is_left: bool = False

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Keep new users out where they can be; yields False where it is used, or was marked after this was found
        out by a process that reads it as long as it runs."""
        if self.tool:
            with self.tool.alone() as is_alone:
                yield is_alone
        else:
            yield not (self.name.startswith(_FOLDERS) and max(map(_used_ns, self.paths)) > self.used_ns)


def list_caches(root: Path) -> Iterator[CachedThing]:
    """Yield what lies in the store `root` next to its blobs, by name."""
    for kind in _ANSWERS:
        yield from (_thing(root, path) for path in _entries(root / kind))
    for kind in _FOLDERS:
        for path in _entries(root / kind):
            if path.is_dir():
                siblings = tuple(
                    other for other in (path.with_suffix(".json"), path.with_suffix(".lock")) if other.exists()
                )
                yield _thing(root, path, *siblings)
    yield from _views(root)
    yield from (_newest(root, root / kind) for kind in _WHOLE if (root / kind).is_dir())
    yield from _tools(root)
    yield from PexRuns(root).things()


def held_blobs(root: Path) -> dict[str, Path]:
    """Return the paths of blobs by the files in views that hold them, to which their names are links."""
    found = {}
    for folder in _entries(root / BLOBS):
        with suppress(OSError), os.scandir(folder) as entries:
            found.update({os.path.realpath(entry.path): Path(entry.path) for entry in entries if entry.is_symlink()})
    return found


def _views(root: Path) -> Iterator[CachedThing]:
    """Views, each with the copies in it: a file that holds a blob counts as that blob."""
    held = held_blobs(root) if (root / VIEWS).is_dir() else {}
    for path in _entries(root / VIEWS):
        if path.is_dir():
            files = [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
            copies = [file for file in files if not file.is_symlink() and os.path.realpath(file) not in held]
            stamps = path.with_name(f"{path.name}.stamps")
            paths = (path, stamps) if stamps.exists() else (path,)
            used_ns = max(map(_used_ns, paths))
            yield CachedThing(str(path.relative_to(root)), sum(map(_size, copies)), used_ns, paths)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; links count for nothing."""
    if not path.is_dir() or path.is_symlink():
        with suppress(OSError):
            return path.lstat().st_size
        return 0
    return sum(_size(Path(folder, name)) for folder, _, names in os.walk(path) for name in names)


def _named(folder: Path, name: str) -> Iterator[Path]:
    """Files of a name below a folder that others may be writing, or moving away: what is gone is passed over, which
    `Path.glob` of Pythons before 3.13 raises for."""
    return (Path(found, name) for found, _, names in os.walk(folder) if name in names)


def _used_ns(path: Path) -> int:
    with suppress(OSError):
        return path.lstat().st_mtime_ns
    return 0


def _thing(root: Path, *paths: Path) -> CachedThing:
    return CachedThing(str(paths[0].relative_to(root)), sum(map(_size, paths)), max(map(_used_ns, paths)), paths)


def _newest(root: Path, folder: Path) -> CachedThing:
    used = max(_used_ns(Path(found)) for found, _, _ in os.walk(folder))
    return CachedThing(folder.name, _size(folder), used, (folder,))


class ToolEnvironment:
    """An environment of the engine, or the part of one (`NAME.part`). What makes it, and what runs in it, holds the
    lock `NAME.lock`; before it has it, a process that starts there marks the environment."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.lock = path.with_name(f"{path.name.partition('.')[0]}.lock")

    @property
    def used_ns(self) -> int:
        """When a process last started in it (ns, Unix time)."""
        return max(_used_ns(self._path), _used_ns(self._path / TOOL_MARK))

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Keep processes out; yields False where one runs in it, or has marked it and may not have the lock yet."""
        with try_lock(self.lock) as is_held:
            # In that order: who marks it later finds it gone.
            yield is_held and time.time_ns() - self.used_ns > _START_SECONDS * 10**9


def _tools(root: Path) -> Iterator[CachedThing]:
    """Environments of the engine's own tools, and records of where one was that nobody will make again."""
    for path in _entries(root / "tool-environments"):
        if path.suffix == ".lock":
            if not (path.with_suffix("").exists() or is_locked(path)):
                yield _thing(root, path)
        else:
            tool = ToolEnvironment(path)
            if not is_locked(tool.lock):
                # What makes one holds its lock: a part without is of a process that was killed.
                is_left = path.suffix == ".part"
                yield CachedThing(str(path.relative_to(root)), _size(path), tool.used_ns, (path,), tool, is_left)
    for path in _entries(root / "tools"):
        with suppress(OSError, IndexError):
            environment = path.read_text().splitlines()[1]
            # A daemon wrote it once for all of its runs, which make the environment again.
            is_old = time.time_ns() - _used_ns(path) > _RECORD_SECONDS * 10**9
            if is_old and not (root / environment).exists():
                yield _thing(root, path)


class PexRuns:
    """The environments of PEX files that were tested."""

    def __init__(self, root: Path) -> None:
        self._root, self._folder = root, root / PEX_RUN

    def lock(self) -> Optional[int]:
        """Return a file that holds Pex's lock for deleting (pex/cache/access.py); None while a PEX sets
        up its environment."""
        try:
            file = os.open(self._folder / "access.lck", os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            os.close(file)
            return None

    def things(self) -> Iterator[CachedThing]:
        """Yield an environment each, and what belongs to none any more."""
        started = self._started()
        links = {key: {name for path in paths for name in _links(path)} for key, paths in started.items()}
        counts = Counter(name for names in links.values() for name in names)
        sizes = {self._name(path): _size(path) for kind in _SHARED for path in self._of_kind(kind)}
        for key, paths in started.items():
            size = sum(map(_size, paths)) + sum(sizes.get(name, 0) // counts[name] for name in links[key])
            # A started PEX says so in both.
            used = max(_used_ns(found) for path in paths for found in (path, *_named(path, _LAST_ACCESS)))
            yield CachedThing(f"{PEX_RUN}/{self._name(paths[-1])}", size, used, tuple(paths))
        for path in (path for version in _entries(self._folder / "venvs") for path in _entries(version)):
            # Of a first start that was killed. Who makes one holds the lock that cleaning needs.
            if path.name.startswith(".") and path.suffix == ".tmp":
                yield CachedThing(f"{PEX_RUN}/{self._name(path)}", _size(path), _used_ns(path), (path,))
        for name, size in sizes.items():
            if not counts[name]:
                path = self._folder / name
                yield CachedThing(f"{PEX_RUN}/{name}", size, _used_ns(path), (path,))

    def _started(self) -> dict[str, list[Path]]:
        """By the hash of a PEX file what it was started from, in the order in which it is to be removed."""
        found: dict[str, list[Path]] = {}
        for path in self._of_kind("venvs"):
            if path.name == _SHORT:
                # Short names of environments, for the first lines of their programs.
                for short in _entries(path):
                    with suppress(OSError):
                        found.setdefault(Path(os.readlink(short / "venv")).parts[-2], []).insert(0, short)
        for kind in ("unzipped_pexes", "venvs"):
            for path in self._of_kind(kind):
                if path.name != _SHORT:
                    found.setdefault(path.name, []).append(path)
        return found

    def unused(self) -> Iterable[CachedThing]:
        """What belongs to no environment."""
        return [thing for thing in self.things() if thing.name.split("/")[1] in _SHARED]

    def _of_kind(self, kind: str) -> Iterator[Path]:
        for version in _entries(self._folder / kind):
            yield from (path for path in _entries(version) if path.is_dir() and not path.name.startswith("."))

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self._folder))


def _links(environment: Path) -> set[str]:
    """What an environment links to, as names in the PEX_ROOT."""
    found = set()
    for folder, folders, names in os.walk(environment):
        for name in (*folders, *names):
            path = os.path.join(folder, name)
            if os.path.islink(path):
                match = _LINK.search(os.path.realpath(path))
                if match:
                    found.add("/".join(match.groups()))
    return found
