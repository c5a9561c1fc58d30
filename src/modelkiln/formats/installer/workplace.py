"""Where an environment is made: in a folder beside it, by one process at a time where the file system has locks."""

import contextlib
import errno
import fcntl
import os
import shutil
import time

__all__ = ["lock", "work_folder"]

# Seconds that one waits for another. One that was stopped holds its lock, too, and would be waited for without end.
_PATIENCE = 120
_TURN = 0.02
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextlib.contextmanager
def work_folder(home, name):
    """The path of a folder that is not there yet, for what will be `name` in the folder `home`; removed afterwards.

    Who gets no lock makes the same in a folder of its own: the first to rename it wins.
    """
    work = os.path.join(home, f".{name}.tmp")
    with open(f"{work}.lck", "a") as stream:
        if not lock(stream, fcntl.LOCK_EX):
            work = os.path.join(home, f".{name}-{os.urandom(8).hex()}.tmp")
        _remove_left(home)
        shutil.rmtree(work, ignore_errors=True)  # Of one that was killed.
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


def lock(stream, kind):
    """Return whether the lock of a file was had; `kind` is one of `flock`."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(stream, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(_TURN)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            return False


def _remove_left(home):
    """Remove what killed processes left of other environments: of packages, perhaps, that nobody starts again."""
    for name in os.listdir(home):
        work = os.path.join(home, name)
        if not name.endswith(".tmp") or not os.path.exists(f"{work}.lck"):
            continue
        with contextlib.suppress(OSError), open(f"{work}.lck", "a") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # Raises for one that is being made.
            shutil.rmtree(work, ignore_errors=True)
