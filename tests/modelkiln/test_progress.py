"""Progress of long commands."""

import io
import threading

import pytest

from modelkiln.progress import Progress
from modelkiln.runtime.weights.progress import readable_size
from modelkiln.wording import report_line


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_long_work_is_reported_line_by_line(clock):
    """Where there is no terminal: a line every ten seconds."""
    stream = io.StringIO()
    progress = Progress("export", 25_000_000, stream)
    for second in (0.5, 9.9, 12.5, 12.6, 22.4, 23):
        clock[0] = second
        progress.of(int(second * 1_000_000), 25_000_000)
    lines = [
        "export: 12.5 MB of 25.0 MB, 50%, 1.0 MB/s, 13 s left",
        "export: 23.0 MB of 25.0 MB, 92%, 1.0 MB/s, 2 s left",
    ]
    assert lines == stream.getvalue().splitlines()


def test_a_terminal_that_shows_lines_alone_gets_lines(clock, monkeypatch):
    """`TERM=dumb`, as editors have it: no bar that would be written over."""
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with Progress("export", 5_000_000, stream) as progress:
        clock[0] = 10.0
        progress.add(4_000_000)
    assert "export: 4.0 MB of 5.0 MB, 80%, 400.0 kB/s, 3 s left\n" == stream.getvalue()


def test_what_is_reported_meanwhile_has_a_line_of_its_own(clock, monkeypatch):
    """The bar goes away before it, and comes back below."""
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    with Progress("pull", 100, stream) as progress:
        clock[0] = 4.0
        progress.add(10)
        shown = stream.getvalue()
        report_line("the registry is busy")
    cleared = "\r" + " " * len(shown.strip("\r")) + "\r"
    assert f"{shown}{cleared}the registry is busy\n" == stream.getvalue()


def test_other_things_than_bytes_are_counted(clock):
    """Packages, and how many of them a second."""
    stream = io.StringIO()
    progress = Progress("lint", 40, stream, unit="packages")
    clock[0] = 20.0
    progress.add(10)
    assert "lint: 10 of 40 packages, 25%, 0.5/s, 1 min 0 s left\n" == stream.getvalue()


def test_what_nobody_counts_has_its_time(clock):
    """A registry that takes long to answer: something goes on."""
    stream = io.StringIO()
    progress = Progress("diff", None, stream)
    clock[0] = 75.0
    progress.add(0)
    assert "diff: 1 min 15 s\n" == stream.getvalue()


def test_time_goes_by_while_nothing_is_reported(monkeypatch):
    """A terminal shows it though the work that was begun has not come back."""
    monkeypatch.setattr("modelkiln.progress._QUIET_SECONDS", 0.0)
    monkeypatch.setattr("modelkiln.progress._STILL_SECONDS", 0.001)
    shown = threading.Event()

    class Watched(Terminal):
        def write(self, text):
            shown.set()
            return super().write(text)

    with Progress("load into podman", None, Watched()):
        assert shown.wait(60)


def test_a_terminal_shows_a_bar_that_goes_away(clock, monkeypatch):
    """The bar shows share, rate and time left, and is wiped at the end."""
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    with Progress("lock x:y", 400_000_000, stream) as progress:
        clock[0] = 4.0
        progress.skip(100_000_000)
        progress.add(100_000_000)
    assert "[############............] 200.0 MB of 400.0 MB, 50%, 25.0 MB/s, 8 s left" in stream.getvalue()
    assert stream.getvalue().endswith(" \r")


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (80, "lock models/large:w: [####.....] 200.0 MB of 400.0 MB, 50%, 50.0 MB/s, 4 s left"),
        (70, "lock models/large:w: 200.0 MB of 400.0 MB, 50%, 50.0 MB/s, 4 s left"),
        (60, ".../large:w: 200.0 MB of 400.0 MB, 50%, 50.0 MB/s, 4 s left"),
    ],
)
def test_a_narrow_terminal_shows_rate_and_time_left(clock, monkeypatch, columns, line):
    """The bar gives way, and then the name."""
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = Terminal()
    progress = Progress("lock models/large:w", 400_000_000, stream)
    clock[0] = 4.0
    progress.add(200_000_000)
    shown = stream.getvalue().strip("\r")
    assert (line, True) == (shown, len(shown) < columns)


def test_an_unknown_total_is_no_hindrance(clock):
    """Without a total, bytes and rate are shown."""
    stream = io.StringIO()
    progress = Progress("fetch", None, stream)
    clock[0] = 10.0
    progress.add(20_000_000)
    assert "fetch: 20.0 MB, 2.0 MB/s\n" == stream.getvalue()


@pytest.mark.parametrize(
    "size, text",
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (64_512, "64.5 kB"),
        (1_000_000, "1.0 MB"),
        (3_400_000_000, "3.4 GB"),
    ],
)
def test_sizes_are_readable(size, text):
    """Small ones are no "0.0 MB"."""
    assert text == readable_size(size)
