"""Processor time and memory of many packages: figures that a loaded machine changes little."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Iterator

from bench import Bench
from measure import Sample, median_of
from rows import MB, Row
from workspace import Workspace

__all__ = ["costs"]

_numbers = count(1)
_PAUSE_SECONDS = 0.05


class _Peak:
    """The most memory that a daemon and its processes had at one time, in bytes, as far as somebody looked."""

    def __init__(self, daemon: int) -> None:
        self._daemon, self.size = daemon, 0

    def look(self) -> None:
        """Look once."""
        own = _command(self._daemon)
        # A child that has not started its program yet shares the daemon's memory.
        found = [pid for pid in _children(self._daemon) if _command(pid) != own]
        self.size = max(self.size, _resident(self._daemon) + sum(map(_resident, found)))


@contextmanager
def _watched(daemon: int) -> Iterator[_Peak]:
    peak, is_over = _Peak(daemon), threading.Event()

    def watch() -> None:
        while not is_over.wait(_PAUSE_SECONDS):
            peak.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        is_over.set()
        thread.join()
        peak.look()


def _children(pid: int) -> list[int]:
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(one) for one in _read(path).split()]
    return [*found, *(inner for one in found for inner in _children(one))]


def _resident(pid: int) -> int:
    # proc(5): in kB, and nothing of a process that has ended.
    lines = _read(Path(f"/proc/{pid}/status")).splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), 0)


def _command(pid: int) -> str:
    return _read(Path(f"/proc/{pid}/cmdline"))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def costs(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """Cold, with nothing to do and after an edit: processor time and peak memory, against `list ::`."""
    for number in packages:
        workspace = bench.workspace(packages=number)
        bench.cold(workspace)
        daemon = workspace.daemon()
        assert daemon is not None, "it was warmed"
        with _watched(daemon) as listed:
            workspace.pants("list", "::")
        with _watched(daemon) as packaged:
            cold = workspace.package()
        yield Row(f"cold, {number} packages, processors", cold.cpu, "all of it", cold.seconds)
        limit = 1.3 * listed.size / MB
        yield Row(
            f"cold, {number} packages, memory",
            packaged.size / MB,
            "list ::",
            listed.size / MB,
            "1.3 x list",
            limit,
            "MB",
        )
        yield from _warm(bench, workspace, number)


def _warm(bench: Bench, workspace: Workspace, number: int) -> Iterator[Row]:
    samples: dict[str, list[Sample]] = {"list": [], "nothing": [], "edit": []}
    for _ in range(bench.rounds):
        samples["list"].append(workspace.pants("list", "::"))
        samples["nothing"].append(workspace.package())
        workspace.repo.edit_code(0, f"cost {next(_numbers)}")
        samples["edit"].append(workspace.package())
    floor, idle, edit = (median_of(several).cpu for several in samples.values())
    yield Row(f"nothing to do, {number} packages, processors", idle, "list ::", floor, "1.15 x list", 1.15 * floor)
    yield Row(f"one-line edit, {number} packages, processors", edit, "list ::", floor, "1.5 x list", 1.5 * floor)
