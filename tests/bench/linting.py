"""The scenario of the linter, against ruff on the same files."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Iterator, Optional

from bench import Bench
from measure import Sample, median_of, repeat, run
from rows import Row

__all__ = ["lint"]


def lint(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """`lint` of all packages when nothing was linted before, and when nothing changed."""
    for number in packages:
        workspace = bench.workspace(packages=number)
        linted = partial(workspace.pants, "lint", "--only=modelkiln-lint", "::")
        ours = repeat(bench.cold_rounds, linted, partial(bench.cold, workspace))
        peer = _ruff(bench, workspace.repo.root)
        limit = 2 * peer.seconds + 1 if peer else None
        yield Row(f"lint cold, {number} packages", ours.seconds, "ruff", peer and peer.seconds, "2 x ruff + 1 s", limit)
        # In turns: they differ by less than the machine does from minute to minute.
        rounds = [(workspace.pants("list", "::"), linted()) for _ in range(bench.rounds)]
        floor, idle = (median_of(samples).seconds for samples in zip(*rounds))
        yield Row(f"lint, nothing changed, {number} packages", idle, "list ::", floor, "list + 0.2 s", floor + 0.2)


def _ruff(bench: Bench, root: Path) -> Optional[Sample]:
    """`ruff check` of the same files, where this machine has it."""
    ruff = shutil.which("ruff")
    if not ruff:
        return None
    return repeat(bench.rounds, lambda: run([ruff, "check", "--no-cache", "--exit-zero", "models"], root))
