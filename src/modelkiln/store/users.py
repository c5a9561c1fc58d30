"""Which processes use a store, so that cleaning it never takes a blob from under one of them.

A process that uses a store holds a lock on a file of its own in `users/`, which the kernel
releases when the process ends, however it ends. A blob that it relies on gets a modification time
that is not older than that file (see `Store.has`). Cleaning spares all blobs that are as young as
the oldest user that lives; it compares and removes under the lock of the store, so that a blob is
either found and spared, or gone before it is looked for. All times are the file system's own: those that it gives to
files lag the clock by up to 10 ms, or are another machine's.

A build is a user as a whole: between two of its steps no process of it may use the store. Steps
find the run of Pants that they belong to (`modelkiln.machine.settings`), which has a file `run-<name>`
here. It holds when the first step began, and its times say when the last one began or ended. The run
counts as long as it lives; its daemon outlives it, and counts until there was no step for a while.
"""

import atexit
import fcntl
import os
import secrets
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ContextManager, Iterator, Optional

from modelkiln.machine.settings import is_running, run_name

__all__ = ["Users", "cleaning", "keep_for_run", "next_file_time", "register"]

_USERS = "users"
_LOCK = "users/lock"
_RUN = "run-"
# Between two steps Pants may be busy with other things for so long, such as tests.
_PAUSE_SECONDS = 3600
_LONGEST = 100
# No file system's times are coarser (FAT's have 2 s, others the kernel's 10 ms at most).
_TICK_SECONDS = 3
_mutex = threading.Lock()
_registered: dict[tuple[str, int], "_User"] = {}


class _User:
    """This process as a user of one store. token: begins the names of its temporary files.
    since_ns: when it began, in the store's own time; 0 where nothing can be written."""

    def __init__(self, root: Path) -> None:
        self._root, self._mutex = root, threading.Lock()
        self.token, self.since_ns = "", 0
        self._lock: Optional[int] = None
        with suppress(OSError):
            self._enter()

    def _enter(self) -> None:
        folder = self._root / _USERS
        folder.mkdir(parents=True, exist_ok=True)
        while not self.token:
            name = secrets.token_hex(8)
            file = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(file, fcntl.LOCK_SH)
            # A cleaning process may have taken the file for a dead process's before it was locked.
            if os.fstat(file).st_nlink:
                self.token, self.since_ns = name, os.fstat(file).st_mtime_ns
            else:
                os.close(file)
        run = run_name(self._root)
        if run is not None:
            os.write(file, run.encode())
            os.utime(file, ns=(self.since_ns, self.since_ns))
            _join(self._root, run, self.since_ns)
        atexit.register(_leave, folder, self.token, run, os.getpid())
        self._lock = os.open(self._root / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)

    def touch(self, path: str) -> bool:
        """Mark the blob at `path` as used by this process; whether it is still there."""
        if self._lock is None:
            return os.path.exists(path)
        with self.uncleaned():
            try:
                os.utime(path)
                return True
            except FileNotFoundError:
                return False
            except OSError:
                return True  # A store of somebody else, who cleans it.

    @contextmanager
    def uncleaned(self) -> Iterator[None]:
        """While it is open nothing is removed: neither a blob that is marked, nor one that takes the place of an
        equal one between the look at that and its removal."""
        if self._lock is None:
            yield
            return
        with self._mutex:
            fcntl.flock(self._lock, fcntl.LOCK_SH)
            try:
                yield
            finally:
                fcntl.flock(self._lock, fcntl.LOCK_UN)


def _join(root: Path, run: str, since_ns: int) -> None:
    """Note that a step of `run` began."""
    path = root / _USERS / f"{_RUN}{run}"
    with cleaning(root):
        with suppress(OSError):
            if since_ns - path.stat().st_mtime_ns < _PAUSE_SECONDS * 10**9:
                os.utime(path)
                return
        path.write_text(str(since_ns))


def _leave(folder: Path, token: str, run: Optional[str], pid: int) -> None:
    if os.getpid() == pid:  # Not in a child that was forked.
        with suppress(OSError):
            if run is not None:
                os.utime(folder / f"{_RUN}{run}")
            os.unlink(folder / token)


def register(root: Path) -> _User:
    """Return this process as a user of the store in the folder `root`."""
    key = (os.fspath(root), os.getpid())
    user = _registered.get(key)
    if user is None:
        with _mutex:
            user = _registered.get(key) or _User(Path(os.path.abspath(root)))
            _registered[key] = user
    return user


def keep_for_run(root: Path, path: str, size: int) -> bool:
    """Whether the store has a blob of `size` bytes at the path `path` in it, which then stays as long as the run of
    Pants that this process is. The process itself, which may be a daemon, does not become a user."""
    blob, run = root / path, run_name(root)
    with suppress(OSError):
        if run is not None:
            (root / _USERS).mkdir(parents=True, exist_ok=True)
            _join(root, run, _file_time(root))
        with suppress(PermissionError), _locked(root, fcntl.LOCK_SH):
            os.utime(blob)
        return blob.stat().st_size == size
    return False


class Users:
    """The users of a store that live, besides this process: processes, and runs of Pants. tokens: of processes.
    own: this process's. oldest_ns: when the first of them began."""

    def __init__(self, root: Path) -> None:
        self.tokens: set[str] = set()
        self.oldest_ns: Optional[int] = None
        self._root, self._runs = root, {run_name(root)}
        folder = root / _USERS
        self.own = register(root).token
        names = set(os.listdir(folder) if folder.is_dir() else ()) - {self.own, "lock"}
        runs = {name for name in names if name.startswith(_RUN)}
        for name in names - runs:
            self._look(folder / name)
        for name in runs:
            self._look_at_run(folder / name)

    def _look(self, path: Path) -> None:
        try:
            file = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return
        try:
            since = os.fstat(file).st_mtime_ns
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        except BlockingIOError:
            self.tokens.add(path.name)
            self._runs.add(os.pread(file, _LONGEST, 0).decode())
            self._count(since)
        finally:
            os.close(file)

    def _look_at_run(self, path: Path) -> None:
        run = path.name[len(_RUN) :]
        with suppress(OSError, ValueError):
            is_recent = time.time() - path.stat().st_mtime < _PAUSE_SECONDS
            if run in self._runs or (is_recent and is_running(self._root, run)):
                self._count(int(path.read_text()))
            elif not is_running(self._root, run):
                path.unlink()

    def _count(self, since_ns: int) -> None:
        self.oldest_ns = since_ns if self.oldest_ns is None else min(self.oldest_ns, since_ns)


def next_file_time(root: Path) -> int:
    """Return a time (ns) that is later than all marks of blobs so far, and no later than any to come."""
    before = now = _file_time(root)
    end = time.monotonic() + _TICK_SECONDS
    while now == before and time.monotonic() < end:
        time.sleep(0.001)
        now = _file_time(root)
    return now


def _file_time(root: Path) -> int:
    """What the store's file system has for the time (ns); the clock's where nothing can be written."""
    try:
        lock = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return time.time_ns()
    try:
        os.utime(lock)
        return os.fstat(lock).st_mtime_ns
    finally:
        os.close(lock)


def cleaning(root: Path) -> ContextManager[None]:
    """The store's lock, in which no user marks or adds a blob: short, since all of them wait for it."""
    return _locked(root, fcntl.LOCK_EX)


@contextmanager
def _locked(root: Path, kind: int) -> Iterator[None]:
    lock = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, kind)
        yield
    finally:
        os.close(lock)
