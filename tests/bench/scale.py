"""The scenarios of scale: monorepos as teams have them, and a clean runner with a remote cache."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from itertools import count
from pathlib import Path
from typing import Iterator

from bench import Bench
from engine import make_venv
from generate import SOURCE
from measure import Sample, median_of, repeat
from publishing import add_repository, run_registry
from rows import Row
from teams import TeamMonorepo
from workspace import Workspace

sys.path.insert(0, str(SOURCE / "tests" / "support"))

from loopback.remote_cache import LOCK, RemoteCache, remote_cache

__all__ = ["clean_runner", "scale"]

_numbers = count(1)
# Packages of one team, which has an environment of its own.
_TEAM = 10


def scale(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """Monorepos of packages of all sizes: cold, nothing to do, one edit, publish."""
    for number in packages:
        for environments in sorted({1, max(1, number // _TEAM)}):
            yield from _one_scale(bench, number, environments)


def _one_scale(bench: Bench, number: int, environments: int) -> Iterator[Row]:
    workspace = bench.team(number, environments)
    name = f"{number} packages, {environments} environment{'s' if environments > 1 else ''}"
    bench.cold(workspace)
    yield Row(f"cold, {name}", workspace.package().seconds)
    listed, idle, edited = [], [], []
    # In turns: they differ by less than the machine does from minute to minute.
    for _ in range(bench.rounds):
        listed.append(workspace.pants("list", "::"))
        idle.append(workspace.package())
        _edit(workspace)
        edited.append(workspace.package())
    floor, ours, edit = (median_of(samples).seconds for samples in (listed, idle, edited))
    yield Row(f"nothing to do, {name}", ours, "list ::", floor, "1.5 x list + 1 s", 1.5 * floor + 1)
    yield Row(f"one-line edit, {name}", edit, "nothing to do", ours, "nothing + 2 s", ours + 2)
    with run_registry(bench.folder / "registry-scale") as host:
        add_repository(workspace, host)
        workspace.pants("publish", "models/m000:digits")
        pushed = repeat(
            bench.cold_rounds, partial(workspace.pants, "publish", "models/m000:digits"), partial(_edit, workspace)
        )
    yield Row(f"edit and publish, {name}", pushed.seconds, "one-line edit", edit)


def clean_runner(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """`package` on a machine with empty caches whose remote cache knows everything, against `list ::` there."""
    python = make_venv(bench.folder / "buildbox", LOCK)
    for number in packages:
        first = bench.team(number, 1)
        with remote_cache(bench.folder / f"casd-{number}", python) as cache:
            _use_cache(first, cache)
            bench.cold(first)
            first.package()
            first.stop()
            first.env.clear()
            runner = _other_machine(bench.folder / f"runner-{number}", first, cache)
            listed, ours, received = [], [], []
            for _ in range(bench.cold_rounds):
                listed.append(_clean(runner, "list", "::"))
                before = cache.received
                ours.append(_clean(runner, "package", "models::"))
                received.append(cache.received - before)
            runner.stop()
        floor, seconds = median_of(listed).seconds, median_of(ours).seconds
        name = f"clean runner, {number} packages"
        yield Row(name, seconds, "list ::", floor, "1.3 x list + 2 s", 1.3 * floor + 2)
        yield Row(f"{name}, received for each", sorted(received)[len(received) // 2] / number / 1000, unit="kB")


def _use_cache(workspace: Workspace, cache: RemoteCache) -> None:
    workspace.env.update(
        PANTS_REMOTE_CACHE_READ="true",
        PANTS_REMOTE_CACHE_WRITE="true",
        PANTS_REMOTE_STORE_ADDRESS=cache.address,
        PANTS_CACHE_CONTENT_BEHAVIOR="defer",
    )


def _other_machine(folder: Path, first: Workspace, cache: RemoteCache) -> Workspace:
    """The same repository at another path, with caches of its own, which are empty."""
    # The weights that are locked are not part of a checkout.
    ignored = shutil.ignore_patterns("weights.bin", "dist", ".pids", ".pants.d", ".pants.workdir*")
    shutil.copytree(first.repo.root, folder / "repo", ignore=ignored)
    toml, caches = folder / "repo" / "pants.toml", folder / "caches"
    toml.write_text(toml.read_text().replace(f'"{first.repo.caches}', f'"{caches}'))
    repo = TeamMonorepo(folder / "repo", first.repo.packages, first.repo.backend, caches)
    runner = Workspace(repo)
    _use_cache(runner, cache)
    return runner


def _clean(runner: Workspace, *arguments: str) -> Sample:
    runner.stop()
    for path in (runner.repo.caches, runner.repo.root / "dist", runner.repo.root / ".pants.d"):
        shutil.rmtree(path, ignore_errors=True)
    return runner.pants(*arguments)


def _edit(workspace: Workspace) -> None:
    workspace.repo.edit_code(0, f"scale {next(_numbers)}")
