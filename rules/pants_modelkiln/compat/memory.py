"""Memory that Pants' daemon has freed and glibc keeps: half of what it has after it packaged 1,000 models."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

# mallopt(3), M_ARENA_MAX: heaps for threads, each of which keeps what it has been. By default eight a processor.
_ARENA_MAX = -8


def limit_heaps() -> None:
    """Have the daemon's threads share a heap for each processor, unless its environment says how many."""
    if "MALLOC_ARENA_MAX" not in os.environ:
        with suppress(AttributeError, OSError):  # Another system, or C library, has no such things.
            ctypes.CDLL(None).mallopt(_ARENA_MAX, max(2, len(os.sched_getaffinity(0))))


def return_memory() -> None:
    """Give freed memory back to the system."""
    with suppress(AttributeError, OSError):  # Another C library has no such thing.
        ctypes.CDLL(None).malloc_trim(0)
