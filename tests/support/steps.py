"""Processes that are killed at each of their steps on the file system, in turn, or have little room there."""

import os
import resource
import signal
import sys
from typing import Callable, Iterator

__all__ = ["killed_at_every_step", "with_little_room"]

# Audit events (Python, "Audit events table") of what changes a file system or opens a file.
_STEPS = (
    "open", "os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate", "os.utime",
    "fcntl.flock", "shutil.rmtree", "sqlite3.connect",
)  # fmt: skip
_MOST_STEPS = 2000


def killed_at_every_step(action: Callable[[], object], stride: int = 1) -> Iterator[int]:
    """Run `action` in a child that is killed (SIGKILL) just before its n-th step; yields n after each
    child that was killed, and ends with the child that came to its end."""
    for number in range(1, _MOST_STEPS, stride):
        child = os.fork()
        if child == 0:
            _run(action, number)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            assert 0 == os.waitstatus_to_exitcode(status), "the action failed"
            return
        assert signal.SIGKILL == os.WTERMSIG(status)
        yield number
    raise AssertionError(f"more than {_MOST_STEPS} steps")


def with_little_room(action: Callable[[], object]) -> int:
    """Do something in a process whose files may have 100 bytes, as on a disk that is full; returns its exit code."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
            action()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _run(action: Callable[[], object], number: int) -> None:
    count = 0

    def hook(event: str, arguments: tuple) -> None:
        nonlocal count
        if event in _STEPS:
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    code = 1
    try:
        action()
        code = 0
    finally:
        os._exit(code)
