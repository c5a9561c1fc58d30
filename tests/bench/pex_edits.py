"""A changed line in a PEX, and its starts, against those of an older revision, in turns."""

from __future__ import annotations

import os
import shutil
import sys
from itertools import count
from pathlib import Path
from typing import Iterator

from bench import Bench
from measure import Sample, median_of, run
from rows import MB, Row
from workspace import Workspace

__all__ = ["edit_pexes", "start_pexes"]

_numbers = count(1)
_PACKAGE = "models/m000:digits"


def edit_pexes(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """A changed line: PEX, image and artifact of the CUDA variant, and a PEX for CPU in either layout."""
    for title, formats, accelerator, layout, share in (
        ("PEX, image and artifact, CUDA", ("pex", "oci", "artifact"), "cuda12", "", 20),
        ("PEX, CPU", ("pex",), "cpu", "zipapp", 3),
        ("packed PEX, CPU", ("pex",), "cpu", "packed", 3),
    ):
        pair = bench.pair(formats, accelerator, layout)
        samples: dict[int, list[Sample]] = {0: [], 1: []}
        for _ in range(bench.rounds):
            for index, workspace in enumerate(pair):
                if workspace is not None:
                    samples[index].append(_edited(workspace))
        ours = median_of(samples[0])
        other = median_of(samples[1]) if samples[1] else None
        limit = other.seconds / share if other else None
        yield Row(f"one-line edit, {title}", ours.seconds, "before", other and other.seconds, f"1/{share}", limit,
                  written=(ours.written, other and other.written))  # fmt: skip
        yield Row(f"the same, read by command and daemon, {title}", ours.read / MB, "before", other and other.read / MB,
                  unit="MB")  # fmt: skip


def start_pexes(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """From the start of a PEX for CPU to its first prediction: the first time on a machine, and later."""
    for layout in ("zipapp", "packed"):
        pair = bench.pair(("pex",), "cpu", layout)
        first: dict[int, list[Sample]] = {0: [], 1: []}
        later: dict[int, list[Sample]] = {0: [], 1: []}
        for _ in range(bench.rounds):
            for index, workspace in enumerate(pair):
                if workspace is not None:
                    root = bench.folder / "pex-root"
                    shutil.rmtree(root, ignore_errors=True)
                    first[index].append(_started(workspace, root))
                    later[index].append(_started(workspace, root))
        for name, found, share in (("first start", first, 0.5), ("later start", later, 1.0)):
            ours = median_of(found[0]).seconds
            other = median_of(found[1]).seconds if found[1] else None
            yield Row(f"{name}, {layout}", ours, "before", other, f"{share} x", other and share * other)


def _edited(workspace: Workspace) -> Sample:
    workspace.repo.edit_code(0, f"edit {next(_numbers)}")
    before = _linked(workspace)
    sample = workspace.package(_PACKAGE)
    if before is not None and before != _linked(workspace):
        before.unlink(missing_ok=True)  # Each is gigabytes.
    return sample


def _linked(workspace: Workspace) -> Path | None:
    """The blob of the store that a large PEX of one file is."""
    pex = _pex(workspace)
    return Path(os.path.realpath(pex)) if pex.is_symlink() else None


def _pex(workspace: Workspace) -> Path:
    return workspace.layout().with_name("digits.pex")


def _started(workspace: Workspace, root: Path) -> Sample:
    """One start of the PEX by this interpreter; root: what it unpacks to."""
    request = workspace.repo.package(0) / "request.json"
    env = {**os.environ, "PEX_ROOT": str(root)}
    return run([sys.executable, _pex(workspace), "predict", request], workspace.repo.root, env)
