"""The scenarios of environments: CUDA against unzip and zstd, ten models on it, another platform."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import partial
from itertools import count
from pathlib import Path
from typing import Iterator

from bench import Bench
from measure import Sample, median_of, repeat, run
from rows import MB, Row
from workspace import Workspace

__all__ = ["cuda", "cuda_ten", "pex_cold", "platforms"]

_numbers = count(1)
_CUDA = "cuda12"
_MODELS = 10


def cuda(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """A package with CUDA: cold, nothing to do, an edit, and the memory of its layers."""
    workspace = bench.workspace(accelerator=_CUDA)
    made, others = [], []
    for _ in range(bench.cold_rounds):
        bench.cold(workspace)
        made.append(workspace.package())
        others.append(_unpack_and_compress(bench, workspace))
    ours, peer = median_of(made), median_of(others)
    limit = 1.2 * peer.seconds
    yield Row("cold, CUDA", ours.seconds, "unzip + zstd -3 -T0", peer.seconds, "1.2 x both", limit,
              written=(ours.written, peer.written))  # fmt: skip
    small = bench.workspace()
    small.package()
    for name, prepare in (("nothing to do", _nothing), ("one-line edit", _edit)):
        samples = {}
        for one in (small, workspace):
            bench.awake(one)
            one.package()
            samples[one] = repeat(bench.rounds, one.package, partial(prepare, one))
        mine, other = samples[workspace].seconds, samples[small].seconds
        yield Row(f"{name}, CUDA", mine, "CPU", other, "CPU + 0.1 s", other + 0.1)
    yield from _memory(bench, workspace)


def cuda_ten(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """Ten models on one CUDA environment, against one: time and disk."""
    taken: dict[int, Sample] = {}
    disk: dict[int, int] = {}
    for number in (1, _MODELS):
        workspace = bench.workspace(packages=number, accelerator=_CUDA)
        taken[number] = repeat(bench.cold_rounds, workspace.package, partial(bench.cold, workspace))
        disk[number] = _blocks(workspace.repo.caches, workspace.repo.root / "dist")
    one, ten = taken[1], taken[_MODELS]
    yield Row("cold, 10 models on one CUDA environment", ten.seconds, "1 model", one.seconds, "1.3 x one",
              1.3 * one.seconds, written=(ten.written, one.written))  # fmt: skip
    limit = 1.3 * disk[1] / MB
    yield Row("the same, disk", disk[_MODELS] / MB, "1 model", disk[1] / MB, "1.3 x one", limit, "MB")


def platforms(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """An image for arm64, against one for amd64, both cold, with their downloads."""
    samples: dict[str, list[Sample]] = {"linux/amd64": [], "linux/arm64": []}
    # In turns: the two differ by less than the machine does from minute to minute.
    for _ in range(bench.cold_rounds):
        for platform, found in samples.items():
            workspace = bench.workspace(platforms=(platform,))
            bench.cold(workspace)
            found.append(workspace.package())
    ours, other = median_of(samples["linux/arm64"]), median_of(samples["linux/amd64"])
    yield Row("cold, arm64 image", ours.seconds, "amd64 image", other.seconds, "1.1 x amd64", 1.1 * other.seconds,
              written=(ours.written, other.written))  # fmt: skip


def pex_cold(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """A PEX when nothing was built but the wheels are here, against `pex` with an empty cache."""
    for accelerator in ("cpu", _CUDA):
        workspace = bench.workspace(formats=("pex",), accelerator=accelerator)
        ours = repeat(bench.cold_rounds, workspace.package, partial(bench.cold, workspace))
        context = bench.context(workspace)
        # Wheels as they are, as ours: the quickest that `pex` can do.
        build = partial(bench.pex.build, context, "--no-pre-install-wheels")
        peer = repeat(bench.cold_rounds, build, bench.pex.forget)
        bench.pex.forget()
        yield Row(f"cold, PEX, {accelerator}", ours.seconds, "pex --no-compress", peer.seconds, "pex", peer.seconds,
                  written=(ours.written, peer.written))  # fmt: skip


def _nothing(workspace: Workspace) -> None:
    pass


def _edit(workspace: Workspace) -> None:
    workspace.repo.edit_code(0, f"edit {next(_numbers)}")


def _unpack_and_compress(bench: Bench, workspace: Workspace) -> Sample:
    """Unzip and compress each wheel of the environment once, one after the other."""
    wheels = workspace.record()["requirements"]
    assert any(wheel["name"].startswith("nvidia-") for wheel in wheels), "the package has no CUDA"
    folder = bench.folder / "unzip"
    folder.mkdir()
    lines = ["set -e"]
    for wheel in wheels:
        lines.append(f"unzip -q -d tree {workspace.blob(wheel['sha256'])}")
        lines.append(f"tar cf - tree | zstd -q -3 -T0 -o {wheel['sha256']}.tar.zst && rm -r tree")
    try:
        subprocess.run(["sync", "-f", folder], check=True)
        return run(["sh", "-c", "\n".join(lines)], folder)
    finally:
        shutil.rmtree(folder)


def _memory(bench: Bench, workspace: Workspace) -> Iterator[Row]:
    """The peak of the processes that make the two largest layers, which nothing remembers."""
    scratch = bench.folder / "memory-cuda"
    scratch.mkdir()
    shutil.rmtree(workspace.store / "layers")
    layers = [layer for layer in workspace.record()["layers"] if layer["kind"] == "wheels"]
    for layer in sorted(layers, key=lambda layer: -layer["unpacked_size"])[:2]:
        sample = bench.engine.layer(json.loads(layer["recipe"]), workspace.store, scratch)
        title = f"peak memory, {layer['title'][:40]} ({sample.seconds:.1f} s)"
        yield Row(title, sample.peak / MB, target="200 MB", limit=200, unit="MB", written=(sample.written, None))


def _blocks(*folders: Path) -> int:
    """Bytes of disk that folders take together; a file with several names counts once."""
    done = subprocess.run(["du", "--summarize", "--total", "--block-size=1", *folders],
                          check=True, capture_output=True, text=True)  # fmt: skip
    return int(done.stdout.splitlines()[-1].split()[0])
