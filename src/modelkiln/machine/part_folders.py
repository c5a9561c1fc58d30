"""Folders next to an output in which it is made, and which a process that was killed leaves to the next one."""

import fcntl
import os
import re
import shutil
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, Optional

__all__ = ["part_folder"]

_ENDING = ".part"


@contextmanager
def part_folder(output: Path) -> Iterator[Path]:
    """A new empty folder, of mode 0700, on the file system of `output` and in its folder, which exists.

    What is made in it can take the place of `output` by a rename; all else goes when the block ends. Those that
    killed processes left of the same output are removed first: one that is in use has its process's lock.
    """
    _remove_abandoned(output)
    folder, lock = _locked_folder(output)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _locked_folder(output: Path) -> tuple[Path, Optional[int]]:
    while True:
        folder = Path(tempfile.mkdtemp(dir=output.parent, prefix=f".{output.name}.", suffix=_ENDING))
        # Another process may take it for a dead one's before it is locked, and remove it.
        with suppress(FileNotFoundError, BlockingIOError):
            lock = _lock(folder)
            if lock is None or folder.exists():
                return folder, lock
            os.close(lock)


def _lock(folder: Path) -> Optional[int]:
    """Lock a folder; None where the file system knows no locks of folders.

    Raises FileNotFoundError for one that is gone, and BlockingIOError for one that another process has locked.
    """
    try:
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except PermissionError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise
    except OSError:
        os.close(file)
        return None
    return file


def _remove_abandoned(output: Path) -> None:
    # As `tempfile` makes names.
    pattern = re.compile(rf"\.{re.escape(output.name)}\.[a-z0-9_]{{8}}{re.escape(_ENDING)}")
    with suppress(OSError):
        for name in filter(pattern.fullmatch, os.listdir(output.parent)):
            with suppress(OSError):
                lock = _lock(output.parent / name)
                if lock is not None:
                    try:
                        if _is_ours(lock):
                            shutil.rmtree(output.parent / name, ignore_errors=True)
                    finally:
                        os.close(lock)


def _is_ours(folder: int) -> bool:
    # As `tempfile` makes folders. Another user's may be in use on a machine whose locks are not seen here, and one of
    # another mode somebody has given that name.
    found = os.fstat(folder)
    return found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o777 == 0o700
