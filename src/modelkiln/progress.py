"""Progress of what takes longer than two seconds: a bar on a terminal, else a line every ten seconds."""

import os
import sys
import threading
import time
from types import TracebackType
from typing import Optional, TextIO

from modelkiln.runtime.weights.progress import readable_size

__all__ = ["Progress", "Stopped", "StoppableProgress", "make_room"]

# Short commands say nothing; after this many seconds people wonder.
_QUIET_SECONDS = 2.0
_LINE_SECONDS = 10.0
_BAR_SECONDS = 0.1
# How often a bar is looked at while nothing is reported, such as when a registry takes long to answer.
_STILL_SECONDS = 0.5
_BAR_WIDTH, _LEAST_BAR_WIDTH = 24, 6
# Bars that stand on a terminal.
_drawn: "dict[Progress, None]" = {}


def make_room() -> None:
    """Take the bars off the terminal before something else is printed; they come back below it."""
    for bar in tuple(_drawn):
        bar.clear()


class Progress:
    """Shows on standard error how much of `total` is done, at which rate, and when it ends; of what nobody counts, how
    long it has taken.

    Use it as a context: then it also shows that time goes by while nothing is reported. Its methods may be called from
    several threads. total: of bytes, or of what `unit` names ("packages"); None where nobody knows.
    """

    def __init__(self, what: str, total: Optional[int] = None, stream: Optional[TextIO] = None, unit: str = "") -> None:
        self._what, self._total, self._stream, self._unit = what, total, stream or sys.stderr, unit
        self._is_terminal = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._done = self._skipped = 0
        self._started = self._shown = time.monotonic()
        self._width = 0

    def __enter__(self) -> "Progress":
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(
        self, kind: Optional[type], error: Optional[BaseException], traceback: Optional[TracebackType]
    ) -> None:
        self._ended.set()
        self.clear()

    def _watch(self) -> None:
        """Show how it goes, until the end, whether something is reported or not."""
        while not self._ended.wait(_STILL_SECONDS if self._is_terminal else _LINE_SECONDS):
            self.add(0)

    def of(self, done: int, total: int) -> None:
        """Say that so much is done of a total that is known only now."""
        self._total = total
        self.add(done - self._done)

    def add(self, size: int) -> None:
        """Say that `size` more is done (less, when it has to be done again)."""
        with self._lock:
            self._done += size
            now = time.monotonic()
            if self._ended.is_set() or now - self._shown < (_BAR_SECONDS if self._is_terminal else _LINE_SECONDS):
                return
            if now - self._started >= _QUIET_SECONDS:
                self._shown = now
                self._show(now - self._started)

    def skip(self, size: int) -> None:
        """Say that `size` was done before, at no cost: it does not count for the rate."""
        with self._lock:
            self._skipped += size
            self._done += size

    def clear(self) -> None:
        """Take the bar off the terminal."""
        with self._lock:
            _drawn.pop(self, None)
            if self._width:
                self._stream.write("\r" + " " * self._width + "\r")
                self._stream.flush()
                self._width = 0

    def _show(self, seconds: float) -> None:
        share = min(1.0, self._done / self._total) if self._total else None
        detail = self._detail(seconds, share)
        if self._is_terminal:
            text = _fit(self._what, share, detail, _columns() - 1)
            self._stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
            _drawn[self] = None
        else:
            self._stream.write(f"{self._what}: {detail}\n")
        self._stream.flush()

    def _detail(self, seconds: float, share: Optional[float]) -> str:
        rate = max(0, self._done - self._skipped) / seconds
        if share is None and not self._done:
            return _duration(seconds)
        if self._unit:
            of = f" of {self._total}" if share is not None else ""
            detail, shown = f"{self._done}{of} {self._unit}", f"{rate:.1f}/s"
        else:
            of = f" of {readable_size(self._total or 0)}" if share is not None else ""
            detail, shown = f"{readable_size(self._done)}{of}", f"{readable_size(round(rate))}/s"
        detail += f", {share:.0%}, {shown}" if share is not None else f", {shown}"
        return detail + (
            f", {_duration(max(0, (self._total or 0) - self._done) / rate)} left" if share and rate else ""
        )


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
