"""Memory that Pants' daemon has freed and glibc keeps: half of what it has after it packaged 1,000 models."""

from __future__ import annotations

import ctypes
from contextlib import suppress


def return_memory() -> None:
    """Give freed memory back to the system."""
    with suppress(AttributeError, OSError):  # Another C library has no such thing.
        ctypes.CDLL(None).malloc_trim(0)
