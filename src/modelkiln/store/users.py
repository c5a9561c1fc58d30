"""Which processes use a store, so that cleaning it never takes a blob from under one of them.

A process that uses a store holds a lock on a file of its own in `users/`, which the kernel
releases when the process ends, however it ends. A blob that it relies on gets a modification time
that is not older than that file (see `Store.has`). Cleaning spares all blobs that are as young as
the oldest user that lives; it compares and removes under the lock of the store, so that a blob is
either found and spared, or gone before it is looked for.
"""

import atexit
import fcntl
import os
import secrets
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, Optional

__all__ = ["Users", "cleaning", "register"]

_USERS = "users"
_LOCK = "users/lock"
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
                atexit.register(_leave, str(folder / name), os.getpid())
            else:
                os.close(file)
        self._lock = os.open(self._root / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)

    def touch(self, path: str) -> bool:
        """Mark the blob at `path` as used by this process; whether it is still there."""
        if self._lock is None:
            return os.path.exists(path)
        with self._mutex:
            fcntl.flock(self._lock, fcntl.LOCK_SH)
            try:
                os.utime(path)
                return True
            except FileNotFoundError:
                return False
            except OSError:
                return True  # A store of somebody else, who cleans it.
            finally:
                fcntl.flock(self._lock, fcntl.LOCK_UN)


def _leave(name: str, pid: int) -> None:
    if os.getpid() == pid:  # Not in a child that was forked.
        with suppress(OSError):
            os.unlink(name)


def register(root: Path) -> _User:
    """Return this process as a user of the store in the folder `root`."""
    key = (os.fspath(root), os.getpid())
    user = _registered.get(key)
    if user is None:
        with _mutex:
            user = _registered.get(key) or _User(Path(os.path.abspath(root)))
            _registered[key] = user
    return user


class Users:
    """The users of a store that live, besides this process. tokens: theirs. own: this process's.
    oldest_ns: when the first of them began."""

    def __init__(self, root: Path) -> None:
        self.tokens: set[str] = set()
        self.oldest_ns: Optional[int] = None
        folder = root / _USERS
        self.own = register(root).token
        for name in os.listdir(folder) if folder.is_dir() else ():
            if name not in (self.own, "lock"):
                self._look(folder / name)

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
            self.oldest_ns = since if self.oldest_ns is None else min(self.oldest_ns, since)
        finally:
            os.close(file)


@contextmanager
def cleaning(root: Path) -> Iterator[None]:
    """The store's lock, in which no user marks a blob: short, since all of them wait for it."""
    lock = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
