"""Waiting for processes."""

import subprocess
import time

__all__ = ["is_over", "wait_until"]


def wait_until(holds):
    """Wait until `holds()` is true, for five minutes at most."""
    end = time.monotonic() + 300
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_over(pid):
    """Whether a process has ended, though nobody may have asked for its exit code yet."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], stdout=subprocess.PIPE)
    return done.stdout.strip()[:1] in {b"", b"Z"}
