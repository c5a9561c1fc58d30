"""What one command costs: seconds, processor time, peak memory, bytes written."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Mapping, Optional, Sequence

__all__ = ["CommandFailed", "Sample", "median_of", "repeat", "run"]

_TAIL = 3000


class CommandFailed(Exception):
    """A measured command failed; the message holds the end of what it said."""


@dataclass(frozen=True)
class Sample:
    """One run. seconds: wall time. peak: bytes of resident memory of the largest process among the
    command and the descendants that were waited for. written: bytes sent to block devices. read:
    bytes that were asked for, from a disk or from memory. cpu: seconds of processors, of the daemon and of
    processes that it waited for, too."""

    seconds: float
    peak: int
    written: int
    read: int = 0
    cpu: float = 0


def run(
    argv: Sequence[str | Path],
    cwd: Path,
    env: Optional[Mapping[str, str]] = None,
    stdin: Optional[Path] = None,
    daemon: Optional[int] = None,
) -> Sample:
    """Run a command to its end and return what it cost; raises CommandFailed.

    daemon: the id of a process that works for the command; what it writes and computes meanwhile counts
    too (its memory does not: it is not a descendant).

    wait4's ru_maxrss starts from the parent's own, because a child shares the parent's memory
    until it executes its program (kernel/fork.c, fs/exec.c); this program is small enough.
    """
    before = [_counted(name, daemon) for name in ("write_bytes", "rchar")]
    spent = _cpu_of(daemon)
    with tempfile.TemporaryFile() as output, open(stdin or os.devnull, "rb") as given:
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in argv], cwd=cwd, env=env, stdin=given, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            size = output.tell()
            output.seek(max(0, size - _TAIL))
            said = output.read().decode(errors="replace").strip()
            raise CommandFailed(f"exit code {process.returncode} of {' '.join(map(str, argv))}\n{said}")
    after = [_counted(name, daemon) for name in ("write_bytes", "rchar")]
    written, read = (max(0, late - early) for early, late in zip(before, after))
    cpu = usage.ru_utime + usage.ru_stime + max(0, _cpu_of(daemon) - spent)
    return Sample(seconds, usage.ru_maxrss * 1024, written, read, cpu)


def _cpu_of(pid: Optional[int]) -> float:
    """Seconds that a process and its reaped children have had processors for; 0 without one."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    # proc(5): utime, stime, cutime and cstime are fields 14 to 17, of which the text begins with the third.
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _counted(name: str, daemon: Optional[int]) -> int:
    return counter_of(os.getpid(), name) + (counter_of(daemon, name) if daemon else 0)


def counter_of(pid: int, name: str) -> int:
    """A counter of /proc/PID/io (proc(5)) of a process and its reaped children: "write_bytes", sent
    to block devices, or "rchar", read from anything."""
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def median_of(samples: Sequence[Sample]) -> Sample:
    """The median of each figure on its own; of the peak, the maximum."""
    return Sample(
        statistics.median(sample.seconds for sample in samples),
        max(sample.peak for sample in samples),
        int(statistics.median(sample.written for sample in samples)),
        int(statistics.median(sample.read for sample in samples)),
        statistics.median(sample.cpu for sample in samples),
    )


def repeat(count: int, measured: Callable[[], Sample], prepare: Callable[[], object] = lambda: None) -> Sample:
    """The median of `count` runs of `measured`, each after an unmeasured `prepare`."""
    samples = []
    for _ in range(count):
        prepare()
        samples.append(measured())
    return median_of(samples)
