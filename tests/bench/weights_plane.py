"""The scenarios of the weights plane: locking, and packages whose weights are locked."""

from __future__ import annotations

import shutil
import subprocess
from itertools import count
from pathlib import Path
from typing import Iterator

from bench import GIB, Bench
from generate import write_big_file
from measure import Sample, median_of, run
from publishing import pack_kit
from rows import MB, Row
from workspace import Workspace

__all__ = ["lock_big", "lock_kit", "lock_small", "package_locked"]

_BIG_FILE = 4 * GIB
_SMALL_FILES, _SMALL_BYTES = 10_000, 16 << 10
_numbers = count(1)
_LARGE_WEIGHTS, _SMALL_WEIGHTS = 20 * 10**9, 100_000


def lock_big(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """`lock` of one large file, against what reads and copies it."""
    folder = bench.folder / "lock-big"
    folder.mkdir()
    write_big_file(folder / "big.bin", _BIG_FILE)
    try:
        peer = _shell("sha256sum big.bin && cp big.bin copy.bin && rm copy.bin", folder)
        first = _lock(bench, folder, "big.bin")
        again = _lock(bench, folder, "big.bin")
    finally:
        shutil.rmtree(folder)
    limit = 1.3 * peer.seconds
    yield Row("lock, 4 GiB", first.seconds, "sha256sum + cp", peer.seconds, "1.3 x both", limit,
              written=(first.written, peer.written))  # fmt: skip
    yield Row("peak memory, lock of 4 GiB", first.peak / MB, target="150 MB", limit=150, unit="MB")
    yield Row("lock again, 4 GiB", again.seconds, written=(again.written, None))


def lock_kit(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """`lock` of 2 GiB into an empty store, in one file and in eight, against `kit pack` of the same."""
    for parts, factor in ((1, 0.9), (8, 0.6)):
        folder = bench.folder / f"lock-kit-{parts}"
        for number in range(parts):
            path = folder / "w" / f"{number}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_big_file(path, 2 * GIB // parts, number)
        ours, others = [], []
        try:
            for _ in range(bench.cold_rounds):
                shutil.rmtree(folder / "store", ignore_errors=True)
                (folder / "weights.lock.json").unlink(missing_ok=True)
                ours.append(_lock(bench, folder, "w"))
                shutil.rmtree(folder / "kit", ignore_errors=True)
                others.append(pack_kit(folder, [f"w/{number}.bin" for number in range(parts)], "localhost/bench:1"))
        finally:
            shutil.rmtree(folder)
        first, peer = median_of(ours), median_of(others)
        name = f"lock, 2 GiB in {parts} file{'s' if parts > 1 else ''}"
        yield Row(name, first.seconds, "kit pack", peer.seconds, f"{factor} x kit", factor * peer.seconds,
                  written=(first.written, peer.written))  # fmt: skip


def lock_small(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """`lock` of many small files, against what reads and packs them."""
    folder = bench.folder / "lock-small"
    for number in range(_SMALL_FILES):
        path = folder / "w" / f"{number % 100:02}" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_big_file(path, _SMALL_BYTES, number)
    try:
        ours, others = [], []
        for _ in range(bench.cold_rounds):
            others.append(_shell("tar cf w.tar w && find w -type f -print0 | xargs -0 sha256sum >sums", folder))
            shutil.rmtree(folder / "store", ignore_errors=True)
            ours.append(_lock(bench, folder, "w"))
    finally:
        shutil.rmtree(folder)
    first, peer = median_of(ours), median_of(others)
    yield Row("lock, 10,000 files", first.seconds, "tar + sha256sum", peer.seconds, "1.5 x both",
              1.5 * peer.seconds, written=(first.written, peer.written))  # fmt: skip


def package_locked(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """Packages with 20 GB and with 100 KB of locked weights: cold, warm, and after an edit."""
    small, large = (bench.workspace(big=size) for size in (_SMALL_WEIGHTS, _LARGE_WEIGHTS))
    for name, prepare in (("cold", bench.cold), ("warm", _nothing), ("one-line edit", _edit)):
        rounds = bench.cold_rounds if name == "cold" else bench.rounds
        samples: dict[Workspace, list[Sample]] = {small: [], large: []}
        # In turns: the two differ by less than the machine does from minute to minute.
        for _ in range(rounds):
            for workspace in samples:
                bench.awake(workspace)
                if name != "cold":
                    workspace.package()  # A daemon's first one looks for interpreters and reads the sources.
                prepare(workspace)
                samples[workspace].append(workspace.package())
        peer, ours = (median_of(samples[workspace]) for workspace in (small, large))
        yield Row(f"{name}, 20 GB of weights", ours.seconds, "100 KB", peer.seconds, "1.1 x 100 KB",
                  1.1 * peer.seconds, written=(ours.written, peer.written))  # fmt: skip
        more = (ours.read - peer.read) / MB
        yield Row(f"{name}, read more than with 100 KB", more, target="no weights", limit=100, unit="MB")


def _nothing(workspace: Workspace) -> None:
    pass


def _edit(workspace: Workspace) -> None:
    workspace.repo.edit_code(0, f"edit {next(_numbers)}")


def _lock(bench: Bench, folder: Path, source: str) -> Sample:
    _sync(folder)
    return bench.engine.run(
        "build", "lock-weights", f"--source={source}", f"--folder={folder}", "--where=bench:weights",
        f"--store={folder / 'store'}", folder / "weights.lock.json",
    )  # fmt: skip


def _shell(command: str, folder: Path) -> Sample:
    _sync(folder)
    return run(["sh", "-c", command], folder)


def _sync(folder: Path) -> None:
    # Nothing is measured while the disk takes what the command before has left to it.
    subprocess.run(["sync", "-f", folder], check=True)
