"""What is said of a package, and what that costs: its bill of materials, its provenance, the statement of its files."""

from __future__ import annotations

import os
import sys
from functools import partial
from itertools import count
from typing import Iterator

from bench import Bench
from measure import Sample, median_of, repeat, run
from rows import MB, Row
from workspace import Workspace

__all__ = ["describe_package"]

_WEIGHTS = 20 * 10**9
_numbers = count(1)
# Arguments: a record, a weights lock, and whether to make the statements.
_STATE = """
import json, sys
from modelkiln.attestation.oms import SignedModel, model_statement
from modelkiln.attestation.provenance import products, provenance
from modelkiln.weights.lock import load_weights_lock
record = json.load(open(sys.argv[1]))
lock = load_weights_lock(open(sys.argv[2]).read(), sys.argv[2])
if sys.argv[3] == "yes":
    assert provenance(record, products(record)).to_bytes()
    assert model_statement(SignedModel("m", {file.path: file.sha256 for file in lock.files})).to_bytes()
"""


def describe_package(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """`package` with 20 GB of locked weights with its bill and without: cold, warm, and after an edit; the rest of what
    is said of it next to nothing said."""
    plain, whole = (bench.workspace(big=_WEIGHTS, has_bill=has_bill) for has_bill in (False, True))
    kinds = (("cold", 0.2, partial(_forget, bench)), ("nothing to do", 0.05, _nothing), ("one-line edit", 0.05, _edit))
    for name, more, prepare in kinds:
        samples: dict[Workspace, list[Sample]] = {plain: [], whole: []}
        # In turns, after one round that is not counted: a daemon's first one reads the sources. Both daemons live on.
        for number in range(bench.cold_rounds if name == "cold" else bench.rounds + 1):
            for workspace in samples:
                prepare(workspace)
                sample = workspace.package()
                if number or name == "cold":
                    samples[workspace].append(sample)
        peer, ours = (median_of(samples[workspace]) for workspace in (plain, whole))
        yield Row(f"{name}, with a bill of 20 GB", ours.seconds, "without", peer.seconds, f"+ {more} s",
                  peer.seconds + more, written=(ours.written, peer.written))  # fmt: skip
        yield Row(f"{name}, read more than without", (ours.read - peer.read) / MB, target="no weights", limit=100,
                  unit="MB")  # fmt: skip
    yield from _statements(bench, whole)


def _statements(bench: Bench, workspace: Workspace) -> Iterator[Row]:
    record = workspace.layout().with_name("digits.package.json")
    lock = workspace.repo.package(0) / "big.lock.json"
    env = {**os.environ, "PYTHONPATH": str(bench.backend)}
    command = [sys.executable, "-c", _STATE, record, lock]
    peer, ours = (repeat(bench.rounds, partial(run, [*command, word], bench.folder, env)) for word in ("no", "yes"))
    yield Row("provenance and OMS statement of 20 GB", ours.seconds, "without", peer.seconds, "+ 0.1 s",
              peer.seconds + 0.1)  # fmt: skip
    yield Row("read for them", (ours.read - peer.read) / MB, target="no weights", limit=1, unit="MB")


def _forget(bench: Bench, workspace: Workspace) -> None:
    bench.cold(workspace)
    bench.awake(workspace)


def _nothing(workspace: Workspace) -> None:
    pass


def _edit(workspace: Workspace) -> None:
    workspace.repo.edit_code(0, f"edit {next(_numbers)}")
