"""The scenarios of ensembles: packaging one, and what it adds to its members' own time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Iterator

from bench import Bench
from engine import make_venv
from generate import SOURCE
from measure import Sample, median_of
from rows import Row
from workspace import Workspace

__all__ = ["answer_ensemble", "package_ensemble"]

_MODEL = SOURCE / "src/models/digits"
_MEMBERS = ("a", "b", "c")
# Files of model artifacts of an ensemble lie in one folder, so that each has its name.
_MEMBER = """\
python_sources(name="code")

model_artifact(name="weights", source="{name}.onnx")

model_package(
    name="{name}",
    entry_point="predict_{name}.py:predict",
    artifacts=[":weights"],
    signature="signature.json",
    formats=["oci"],
)
"""
_ENSEMBLE = """\
for name in ("first", "second"):
    model_ensemble(
        name=name,
        members={members},
        steps={steps},
        signature="signature.json",
        formats=["oci"],
    )
"""


def package_ensemble(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """An ensemble of three members of one environment, cold, compared with a member, also cold; and a second one."""
    workspace = bench.workspace()
    folder = workspace.repo.root / "ensemble"
    _write_ensemble(folder)
    try:
        alone, together = _in_turns(bench, workspace)
        limit = 1.15 * alone.seconds
        yield Row("cold, ensemble of 3", together.seconds, "a member", alone.seconds, "1.15 x it", limit,
                  written=(together.written, alone.written))  # fmt: skip
        workspace.package("ensemble:second")
        first, second = (_layers(workspace, name) for name in ("first", "second"))
    finally:
        shutil.rmtree(folder)  # Other scenarios measure this monorepo, too.
    added = len(second - first)
    yield Row("layers that a second ensemble adds", added, target="code, record", limit=2, unit="")


def _in_turns(bench: Bench, workspace: Workspace) -> tuple[Sample, Sample]:
    """Medians of a member alone and of all in the ensemble.

    In turns: they differ by less than the machine does from minute to minute. Members differ in the name of their
    file alone, so that each round takes the next one.
    """
    alone, together = [], []
    for number in range(bench.cold_rounds):
        name = _MEMBERS[number % len(_MEMBERS)]
        bench.cold(workspace)
        alone.append(workspace.package(f"ensemble/{name}:{name}"))
        bench.cold(workspace)
        together.append(workspace.package("ensemble:first"))
    return median_of(alone), median_of(together)


def _write_ensemble(folder: Path) -> None:
    signature = json.loads((_MODEL / "signature.json").read_text())
    steps, outputs = [], []
    for number, name in enumerate(_MEMBERS):
        place = folder / name
        place.mkdir(parents=True)
        shutil.copyfile(_MODEL / "signature.json", place / "signature.json")
        (place / f"predict_{name}.py").write_text(
            (_MODEL / "predict.py").read_text().replace("digits.onnx", f"{name}.onnx")
        )
        # As `Monorepo.change_weights`: field 6 is the string doc_string.
        (place / f"{name}.onnx").write_bytes((_MODEL / "digits.onnx").read_bytes() + bytes([0x32, 1, 0x41 + number]))
        (place / "BUILD").write_text(_MEMBER.format(name=name))
        outputs.append({**signature["outputs"][0], "name": name})
        label = signature["outputs"][0]["name"]
        steps.append({"model_name": name, "input_map": {"images": "images"}, "output_map": {label: name}})
    (folder / "signature.json").write_text(json.dumps({"inputs": signature["inputs"], "outputs": outputs}))
    members = {name: f"ensemble/{name}:{name}" for name in _MEMBERS}
    (folder / "BUILD").write_text(_ENSEMBLE.format(members=members, steps=steps))


def _layers(workspace: Workspace, name: str) -> set[str]:
    record = json.loads((workspace.repo.root / f"dist/ensemble/{name}.package.json").read_text())
    return {layer["descriptor"]["digest"] for layer in record["layers"]}


# What the members do costs next to nothing, so that what is measured is the ensemble's own.
_ASK = """
import json, os, statistics, sys, time
from pathlib import Path
import numpy
from modelkiln.runtime.ensemble.graph import Graph
from modelkiln.runtime.ensemble.member import start_member

folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
os.makedirs(folder / "apart", exist_ok=True)
for place in (folder, folder / "apart"):
    (place / "echo.py").write_text("def predict(inputs, model):\\n    return {'y': inputs['x']}\\n")
x, y = ({"name": name, "datatype": "FP32", "shape": [-1]} for name in "xy")
member = {"name": "echo", "version": "1", "entry_point": "echo:predict", "signature": {"inputs": [x], "outputs": [y]}}

def added(steps, array, **more):
    document = {"members": {"echo": {**member, **more}}, "steps": [
        {"model_name": "echo", "input_map": {"x": one}, "output_map": {"y": two}} for one, two in steps]}
    graph = Graph(document, {"inputs": [x], "outputs": [{**y, "name": steps[-1][1]}]}, folder, folder, start_member)
    own = graph._members["echo"].call if not more else (lambda inputs: {"y": inputs["x"]})
    times = {"graph": [], "own": []}
    for _ in range(rounds):
        start = time.perf_counter()
        graph.predict({"x": array})
        between = time.perf_counter()
        for _ in steps:
            own({"x": array})
        times["graph"].append(between - start)
        times["own"].append(time.perf_counter() - between)
    graph.close()
    return 1e6 * (statistics.median(times["graph"]) - statistics.median(times["own"]))

# Steps that take some hundred microseconds without the interpreter's lock, as those of libraries do.
(folder / "busy.py").write_text("\\n".join([
    "import hashlib, time",
    "DATA, SEEN = bytes(1 << 19), []",
    "def predict(inputs, model):",
    "    begin = time.perf_counter()",
    "    hashlib.sha256(DATA).digest()",
    "    SEEN.append((begin, time.perf_counter()))",
    "    return {'y': inputs['x']}",
]))

def handed(array):
    busy_member = {**member, "name": "busy", "entry_point": "busy:predict"}
    document = {"members": {"busy": busy_member}, "steps": [
        {"model_name": "busy", "input_map": {"x": "x"}, "output_map": {"y": name}} for name in "ay"]}
    graph = Graph(document, {"inputs": [x], "outputs": [y]}, folder, folder, start_member)
    import busy  # As the member is found.

    late, more = [], []
    for _ in range(rounds):
        busy.SEEN.clear()
        start = time.perf_counter()
        graph.predict({"x": array})
        end = time.perf_counter()
        begins, ends = zip(*busy.SEEN)
        late.append(1e6 * (max(begins) - min(begins)))
        more.append(1e6 * (end - start - max(ends) + min(begins)))
    graph.close()
    late, more = (statistics.quantiles(times, n=100) for times in (late, more))
    return {"late": [late[49], late[89]], "more": [more[49], more[89]]}

small, large = numpy.zeros(8, "float32"), numpy.zeros(1 << 18, "float32")
print(json.dumps({
    **handed(small),
    "chain": added([("x", "a"), ("a", "b"), ("b", "y")], small),
    "fork": added([("x", "a"), ("x", "y")], small),
    "process": added([("x", "y")], large, code="apart"),
}))
"""


def answer_ensemble(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """What an ensemble adds to its members' own time: in one process, and to one that has its own."""
    folder = bench.folder / "ensembles"
    python = make_venv(folder / "venv", SOURCE / "3rdparty/python/cpu.txt")
    env = {**os.environ, "PYTHONPATH": str(bench.backend)}
    ask = partial(subprocess.run, cwd=folder, env=env, stdout=subprocess.PIPE, check=True)
    try:
        found = json.loads(ask([python, "-c", _ASK, folder, str(300 * bench.rounds)]).stdout)
    finally:
        shutil.rmtree(folder)
    yield Row("added by an ensemble of 3 steps", found["chain"], target="50 us", limit=50, unit="us")
    yield Row("added by 2 quick steps", found["fork"], target="50 us", limit=50, unit="us")
    for place, name in enumerate(("median", "9 of 10")):
        yield Row(f"a step handed to a thread begins, {name}", found["late"][place], unit="us")
        yield Row(f"added by 2 slow steps at the same time, {name}", found["more"][place], target="50 us", limit=50,
                  unit="us")  # fmt: skip
    yield Row("added by a process, 1 MB to it and back", found["process"], target="1 ms", limit=1000, unit="us")
