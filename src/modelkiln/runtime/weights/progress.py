"""Reports how a fetch goes, on standard error, when it takes longer than two seconds."""

import sys
import threading
import time

__all__ = ["Progress", "readable_size"]

_QUIET_SECONDS = 2.0


class Progress:
    """total: bytes to fetch. A terminal gets a line each second, a log one every ten."""

    def __init__(self, total):
        self.total, self.done = total, 0
        self._lock, self._started = threading.Lock(), time.monotonic()
        self._reported, self._waiting = self._started, False
        self._every = 1.0 if sys.stderr.isatty() else 10.0

    def add(self, size):
        """Count bytes that have arrived; negative when they are thrown away."""
        with self._lock:
            self.done += size
            self._report()

    def waiting(self, seconds):
        """Say once that another process fetches the same file."""
        if seconds > _QUIET_SECONDS and not self._waiting:
            self._waiting = True
            sys.stderr.write("fetch: another process fetches the same weights; waiting for it\n")

    def _report(self):
        now = time.monotonic()
        if now - self._started < _QUIET_SECONDS or (
            now - self._reported < self._every and self._reported > self._started
        ):
            return
        self._reported = now
        rate = self.done / (now - self._started)
        left = (self.total - self.done) / rate if rate > 0 else 0
        sys.stderr.write(
            f"fetch: {readable_size(self.done)} of {readable_size(self.total)}, {readable_size(int(rate))}/s, "
            f"{left:.0f} s left\n"
        )
        sys.stderr.flush()


def readable_size(size):
    """Bytes for people: `13.2 MB`."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"
