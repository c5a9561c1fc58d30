"""Locks of open files (flock(2)), which the kernel releases when their processes end, however they end."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

__all__ = ["is_locked"]


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
