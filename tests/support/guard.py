"""Ends what a test process started, and removes its temporary files, however that process ends.

A test process may be killed with its fixtures half done: Pants gives it three seconds after Ctrl-C, and none when
Pants itself is killed. Its servers, and the daemons of Pants, would go on for hours. So a small process watches it,
in a session of its own: this file, run as a program.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["guarded", "mark", "remove_at_end"]

_NAME = "MODELKILN_TEST_PROCESS"
# A server that is asked to end gets so long.
_END_SECONDS = 5
_POLL_SECONDS = 1

_watchers = []


@contextmanager
def guarded(folder, is_kept):
    """Have this process watched until the block ends: then all marked processes end, and `folder` is removed.

    is_kept: a function that says whether to keep the folder, after a block that has ended.
    """
    if _watchers:  # Tests of several folders in one process: it is watched already.
        remove_at_end(folder)
        yield
        return
    command = [sys.executable, "-I", os.path.abspath(__file__), str(os.getpid()), str(os.getppid()), _own()]
    null = subprocess.DEVNULL
    # Not waited for: what it removes may be large.
    watcher = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=null, stderr=null, start_new_session=True)
    _watchers.append(watcher)
    os.environ[_NAME] = _own()
    remove_at_end(folder)
    try:
        yield
    finally:
        _watchers.remove(watcher)
        del os.environ[_NAME]
        with suppress(BrokenPipeError):
            watcher.stdin.write(b"keep\n" if is_kept() else b"")
            watcher.stdin.close()


def remove_at_end(folder):
    """Have a folder removed when this process has ended."""
    for watcher in _watchers:
        watcher.stdin.write(os.fsencode(folder) + b"\n")
        watcher.stdin.flush()


def mark(env=None):
    """Return variables (default: this process's own) for a process that must not outlive this one."""
    return {**(os.environ if env is None else env), _NAME: _own()}


def _own():
    return f"{os.getpid()}-{_stat(os.getpid())[21]}"


def _stat(pid):
    """The fields of /proc/PID/stat (proc(5)), of which the name of the program may hold spaces."""
    before, _, after = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(") ")
    return [*before.split(" (", 1), *after.split()]


def _parents():
    found = {}
    for name in os.listdir("/proc"):
        with suppress(OSError):
            if name.isdigit():
                found[int(name)] = int(_stat(name)[3])
    return found


def _started(value, folders):
    """Processes with our mark, daemons of Pants in our folders, and all below them, which have other variables."""
    wanted, parents = f"{_NAME}={value}".encode(), _parents()
    # Where Pants' daemon had its variables, its title is.
    titles = tuple(b"pantsd [" + os.fsencode(folder) + b"/" for folder in folders)
    found = set()
    for pid in parents:
        with suppress(OSError):
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            if wanted in variables or Path(f"/proc/{pid}/cmdline").read_bytes().startswith(titles):
                found.add(pid)
    more = found
    while more:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
    return found - {os.getpid()}


def _end_started(value, folders):
    for number, seconds in ((signal.SIGTERM, _END_SECONDS), (signal.SIGKILL, _END_SECONDS)):
        left = _started(value, folders)
        for pid in left:
            with suppress(OSError):
                os.kill(pid, number)
        end = time.monotonic() + seconds
        while any(map(_is_running, left)) and time.monotonic() < end:
            time.sleep(0.05)


def _is_running(pid):
    with suppress(OSError):
        return _stat(pid)[2] != "Z"
    return False


def _remove(folder):
    for place in reversed(_mounts_below(folder)):
        subprocess.run(["umount", "-l", place], stderr=subprocess.DEVNULL, check=False)
    if not _mounts_below(folder):  # What is mounted there is somebody else's.
        subprocess.run(["chmod", "-R", "u+rwx", folder], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _mounts_below(folder):
    places = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    # Spaces and the like are escaped there as in C.
    return [
        place for place in (one.encode().decode("unicode_escape") for one in places) if place.startswith(f"{folder}/")
    ]


def _watch(owner, parent):
    """Wait for the end of `owner`, or of its parent; returns the folders, and whether to keep them."""
    text = b""
    while True:
        is_running = _is_running(owner)  # Before what it wrote is read, which may be the last.
        data = os.read(0, 1 << 16) if select.select([0], [], [], _POLL_SECONDS)[0] else None
        text += data or b""
        if data == b"" or not is_running:
            break
        with suppress(OSError):
            if int(_stat(owner)[3]) != parent:  # Pants has ended, and nobody waits for the result any more.
                os.kill(owner, signal.SIGKILL)
    *folders, _ = text.split(b"\n")
    return [os.fsdecode(folder) for folder in folders if folder != b"keep"], b"keep" in folders


def main(owner, parent, value):
    """Watch the process `owner`, which `parent` started and which has the mark `value`."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    folders, is_kept = _watch(int(owner), int(parent))
    _end_started(value, folders)
    for folder in () if is_kept else folders:
        _remove(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
