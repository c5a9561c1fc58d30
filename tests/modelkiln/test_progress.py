"""Progress of long commands."""

import io

import pytest

from modelkiln.progress import Progress
from modelkiln.runtime.weights.progress import readable_size


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_long_work_is_reported_line_by_line(clock):
    """Where there is no terminal: nothing for two seconds, then a line every two."""
    stream = io.StringIO()
    progress = Progress("export", 5_000_000, stream)
    for second in (0.5, 1.9, 2.5, 2.6, 4.6):
        clock[0] = second
        progress.of(int(second * 1_000_000), 5_000_000)
    lines = ["export: 2.5 MB of 5.0 MB, 50%, 1.0 MB/s, 3 s left", "export: 4.6 MB of 5.0 MB, 92%, 1.0 MB/s, 0 s left"]
    assert lines == stream.getvalue().splitlines()


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
