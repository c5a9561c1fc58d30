"""Servers that tests start on loopback: each has a port of its own, and ends with the block that uses it."""

import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager

from guard import mark

__all__ = ["free_port", "listening"]

# A busy machine is slow to start programs from a cold disk, and slow to end them.
_START_SECONDS = 120
_END_SECONDS = 20
_TRIES = 3


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
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(0.05)  # Until a server that found the port taken has ended.
                return process.poll() is None
        time.sleep(0.02)
    return False


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
