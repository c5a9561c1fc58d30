"""Memory that Pants' daemon has freed and glibc keeps: half of what it has after it packaged 1,000 models."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

# malloc.h, for mallopt(3).
_M_ARENA_MAX = -8


def limit_arenas() -> None:
    """Let threads share as many heaps as there are processors. Else there are eight times as many, and what one thread
    has freed in its own is of no use to others."""
    with suppress(AttributeError, OSError):  # Another C library has no such thing.
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, os.cpu_count() or 1)


def return_memory() -> None:
    """Give freed memory back to the system."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
