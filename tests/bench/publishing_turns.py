"""What publishing costs, against an older revision, in turns, to the same docker-registry on loopback."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from typing import Callable, Iterator

from bench import GIB, Bench
from engine import Engine
from generate import copy_backend
from measure import Sample, median_of
from publishing import run_registry, write_image
from rows import Row

__all__ = ["publish_in_turns"]


def publish_in_turns(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """An image with 2 GiB of weights to an empty registry, and one with another line of code to one that has it."""
    engines = {"now": bench.engine}
    if bench.before:
        engines["before"] = Engine(bench.folder / "engine-before", copy_backend(bench.folder / "before", bench.before))
    folder = bench.folder / "turns"
    weights = folder / "weights"
    folder.mkdir()
    weights.touch()
    os.truncate(weights, 2 * GIB)
    layout = write_image(folder / "first.oci", [weights, _code(folder, 0)])

    def publish(name: str, image: Path, host: str, number: int) -> Sample:
        store = folder / f"store-{name}"  # Of what is known of the registry.
        store.mkdir(exist_ok=True)
        options = [f"--insecure={host}", f"--tag=v{number}", f"--store={store}"]
        return engines[name].run("publish", image, f"{host}/{name}/rain", *options)

    def to_empty_registry(name: str, number: int) -> Sample:
        with run_registry(folder / f"registry-{name}-{number}") as host:
            return publish(name, layout, host, number)

    yield _row("publish an image with 2 GiB of weights", _in_turns(engines, bench.cold_rounds, to_empty_registry))
    with run_registry(folder / "registry") as host:
        for name in engines:
            publish(name, layout, host, 0)

        def edited(name: str, number: int) -> Sample:
            image = write_image(folder / f"{number}-{name}.oci", [weights, _code(folder, number)])
            return publish(name, image, host, number)

        yield _row("publish it with another line of code", _in_turns(engines, bench.rounds, edited))


def _code(folder: Path, number: int) -> Path:
    path = folder / f"code-{number}.tar"
    script = b"# %d\n" % number
    entry = tarfile.TarInfo("app/predict.py")
    entry.size = len(script)
    with tarfile.open(path, "w") as archive:
        archive.addfile(entry, io.BytesIO(script))
    return path


def _in_turns(engines: dict[str, Engine], rounds: int, measure: Callable[[str, int], Sample]) -> dict[str, Sample]:
    samples: dict[str, list[Sample]] = {name: [] for name in engines}
    for number in range(1, rounds + 1):
        for name in engines if number % 2 else reversed(engines):
            samples[name].append(measure(name, number))
    return {name: median_of(found) for name, found in samples.items()}


def _row(scenario: str, samples: dict[str, Sample]) -> Row:
    before = samples.get("before")
    seconds = before and before.seconds
    return Row(scenario, samples["now"].seconds, "before", seconds, "1 x before", seconds)
