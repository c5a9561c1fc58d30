"""Servers that tests start on loopback: each has a port of its own, and ends with the block that uses it."""

import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from guard import mark

__all__ = ["free_port", "listening"]

# A busy machine is slow to start programs from a cold disk, and slow to end them.
_START_SECONDS = 120
_END_SECONDS = 20
_TRIES = 3
_LISTENS = "0A"


def free_port():
    """A port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def listening(command, log, end=signal.SIGTERM, **settings):
    """Run a server until the block ends; yields its port, on which it listens.

    command: a function from a port to the server's arguments. It may be called more than once: somebody else may
    take a port that was free, and then the server ends. log: the file that its output goes to; an error shows it.
    end: the signal that ends it. settings: of Popen. A server with `start_new_session` ends with all that it started.
    """
    for _ in range(_TRIES):
        port = free_port()
        with log.open("wb") as out:
            started = {**settings, "env": mark(settings.get("env"))}
            process = subprocess.Popen(command(port), stdout=out, stderr=out, **started)
        if _is_up(process, port):
            break
        _end(process, signal.SIGKILL)
    else:
        raise AssertionError(f"{process.args} does not listen: {log.read_text(errors='replace')}")
    try:
        yield port
    finally:
        _end(process, end)


def _is_up(process, port):
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        # Who answers there may be somebody else, as long as a server has not found out that its port is taken.
        if _sockets(port) & _files(_family(process.pid)):
            return True
        time.sleep(0.02)
    return False


def _sockets(port):
    """What listens on a port of loopback or of all addresses, as links in /proc/PID/fd name it (proc(5))."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:] if Path(table).exists() else ():
            _, local, _, state, *more = line.split()
            if state == _LISTENS and int(local.rpartition(":")[2], 16) == port:
                found.add(f"socket:[{more[5]}]")
    return found


def _family(pid):
    """A process and those below it."""
    found = [pid]
    for one in found:
        with suppress(OSError):
            for task in os.listdir(f"/proc/{one}/task"):
                found += map(int, Path(f"/proc/{one}/task/{task}/children").read_text().split())
    return found


def _files(pids):
    found = set()
    for pid in pids:
        with suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                with suppress(OSError):
                    found.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    return found


def _end(process, first):
    for number in (first, signal.SIGKILL):
        try:
            is_group = os.getpgid(process.pid) == process.pid
            (os.killpg if is_group else os.kill)(process.pid, number)
            process.wait(_END_SECONDS)
            return
        except ProcessLookupError:
            process.wait()
            return
        except subprocess.TimeoutExpired:
            pass
