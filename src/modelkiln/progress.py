"""Progress of what takes longer than two seconds: a bar on a terminal, else a line now and then."""

import sys
import threading
import time
from types import TracebackType
from typing import Optional, TextIO

from modelkiln.runtime.weights.progress import readable_size

__all__ = ["Progress", "Stopped", "StoppableProgress"]

# Short commands say nothing; after this many seconds people wonder.
_QUIET_SECONDS = 2.0
_LINE_SECONDS = 2.0
_BAR_SECONDS = 0.1
_BAR_WIDTH, _LEAST_BAR_WIDTH = 24, 6


class Progress:
    """Shows on standard error how many bytes of `total` are done, at which rate, and when it ends.

    Use it as a context. Its methods may be called from several
    threads. total: bytes, or None where nobody knows.
    """

    def __init__(self, what: str, total: Optional[int] = None, stream: Optional[TextIO] = None) -> None:
        self._what, self._total, self._stream = what, total, stream or sys.stderr
        self._is_terminal = self._stream.isatty()
        self._lock = threading.Lock()
        self._done = self._skipped = 0
        self._started = self._shown = time.monotonic()
        self._width = 0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: Optional[type], error: Optional[BaseException], traceback: Optional[TracebackType]
    ) -> None:
        self.clear()

    def of(self, done: int, total: int) -> None:
        """Say that `done` bytes are done of a total that is known only now."""
        self._total = total
        self.add(done - self._done)

    def add(self, size: int) -> None:
        """Say that `size` more bytes are done (fewer, when they have to be done again)."""
        with self._lock:
            self._done += size
            now = time.monotonic()
            if now - self._shown < (_BAR_SECONDS if self._is_terminal else _LINE_SECONDS):
                return
            if now - self._started >= _QUIET_SECONDS or (self._is_terminal and self._width):
                self._shown = now
                self._show(now - self._started)

    def skip(self, size: int) -> None:
        """Say that `size` bytes were done before, at no cost: they do not count for the rate."""
        with self._lock:
            self._skipped += size
            self._done += size

    def clear(self) -> None:
        """Take the bar off the terminal."""
        with self._lock:
            if self._width:
                self._stream.write("\r" + " " * self._width + "\r")
                self._stream.flush()
                self._width = 0

    def _show(self, seconds: float) -> None:
        rate = max(0, self._done - self._skipped) / seconds
        share = min(1.0, self._done / self._total) if self._total else None
        detail = readable_size(self._done)
        if self._total and share is not None:
            detail += f" of {readable_size(self._total)}, {share:.0%}"
        detail += f", {readable_size(round(rate))}/s"
        if self._total and rate:
            detail += f", {_duration(max(0, self._total - self._done) / rate)} left"
        if self._is_terminal:
            text = _fit(self._what, share, detail, _columns() - 1)
            self._stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self._stream.write(f"{self._what}: {detail}\n")
        self._stream.flush()


def _fit(what: str, share: Optional[float], detail: str, columns: int) -> str:
    """One line: the bar gives way first, then the name, and the detail last."""
    width = min(_BAR_WIDTH, columns - len(f"{what}: [] {detail}"))
    if share is not None and width >= _LEAST_BAR_WIDTH:
        filled = int(share * width)
        return f"{what}: [{'#' * filled}{'.' * (width - filled)}] {detail}"
    room = columns - len(f": {detail}")
    if len(what) > room:
        what = f"...{what[-(room - 3):]}" if room > 3 else ""
    return f"{what}: {detail}"[:columns]


class Stopped(Exception):
    """The work that a thread reports has been given up."""


class StoppableProgress(Progress):
    """Progress that ends the threads which report to it."""

    def __init__(self, what: str, total: Optional[int]) -> None:
        super().__init__(what, total)
        self._stop = threading.Event()

    def stop(self) -> None:
        """Let all threads end at their next report, with Stopped."""
        self._stop.set()

    def add(self, size: int) -> None:
        """See Progress."""
        if self._stop.is_set():
            raise Stopped
        super().add(size)


def _columns() -> int:
    import shutil

    return shutil.get_terminal_size().columns


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
