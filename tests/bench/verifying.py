"""The scenario of `modelkiln verify`: an image of gigabytes against a digest of each of its unpacked files."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Iterator

from bench import GIB, Bench
from measure import Sample, median_of, run
from rows import MB, Row
from workspace import Workspace

__all__ = ["verify"]

_DIGESTS = "find . -type f -print0 | xargs -0 openssl dgst -sha256 >/dev/null"


def verify(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """Images with 2 GiB of weights, and with the wheels of CUDA, one after the other with `openssl dgst -sha256`."""
    for title, big, accelerator in (("2 GiB of weights", 2 * GIB, "cpu"), ("wheels of CUDA", 0, "cuda12")):
        workspace = bench.workspace(big=big, accelerator=accelerator)
        bench.seed(workspace)
        workspace.package("models/m000:digits")
        workspace.stop()
        root = bench.folder / "unpacked"
        try:
            size = _unpack(workspace, root)
            ours, others = [], []
            for _ in range(bench.rounds):
                others.append(run(["sh", "-c", _DIGESTS], root))
                ours.append(_verify(bench, workspace))
        finally:
            shutil.rmtree(root, ignore_errors=True)
        mine, peer = median_of(ours), median_of(others)
        name = f"verify, {title}, {size / 1000 / MB:.1f} GB unpacked"
        yield Row(name, mine.seconds, "openssl dgst", peer.seconds, "1.3 x openssl", 1.3 * peer.seconds)
        yield Row(f"peak memory, {name}", mine.peak / MB, target="150 MB", limit=150, unit="MB")


def _verify(bench: Bench, workspace: Workspace) -> Sample:
    return bench.engine.run("verify", f"--store={workspace.store}", str(workspace.layout()))


def _unpack(workspace: Workspace, root: Path) -> int:
    """Unpack the layers of the image to `root`, and return the bytes of its files."""
    root.mkdir()
    for layer in workspace.record()["layers"]:
        descriptor = layer["descriptor"]
        name = descriptor["digest"].partition(":")[2]
        blob = workspace.layout() / "blobs/sha256" / name
        if not blob.exists():
            blob = workspace.blob(name)
        if not blob.exists():  # Weights lie in the store as files.
            for file in json.loads(layer["recipe"])["files"]:
                shutil.copyfile(workspace.blob(file["sha256"]), root / Path(file["path"]).name)
            continue
        command = "zstd -dc" if descriptor["mediaType"].endswith("+zstd") else "cat"
        subprocess.run(["sh", "-c", f'{command} <"$0" | tar x --no-same-owner', blob], cwd=root, check=True)
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
