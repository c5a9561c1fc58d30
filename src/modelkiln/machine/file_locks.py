"""Locks of open files (flock(2)), which the kernel releases when their processes end, however they end."""

import fcntl
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator

__all__ = ["is_locked", "try_lock"]


def is_locked(path: Path) -> bool:
    """Return whether a process has a lock on a file, also a shared one; False for a file that cannot be opened."""
    with suppress(OSError):
        file = os.open(path, os.O_RDWR)  # An exclusive lock takes that on NFS.
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
    return False


@contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """Hold the exclusive lock of a file if nobody has one; yields whether it is held, or there is no such file."""
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield True
        return
    except OSError:
        yield False
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        yield False
        return
    try:
        yield True
    finally:
        os.close(file)
