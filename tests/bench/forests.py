"""The scenario of checks: ONNX forests, whose weights are millions of numbers in attributes."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from typing import Iterator

from bench import Bench
from engine import make_venv
from generate import SOURCE
from measure import repeat, run
from rows import MB, Row

__all__ = ["check_forests"]

# Trees of 1,023 nodes: those of skl2onnx' RandomForestClassifier of 20 MB and of 300 MB.
_FORESTS = {"20 MB": 540, "300 MB": 8100}
_CHECK = "import sys, onnx; onnx.checker.check_model(open(sys.argv[1], 'rb').read())"
# As skl2onnx writes them: for each node of each tree a number in eight lists, for each leaf one in four.
_WRITE = """
import sys
import numpy
from onnx import TensorProto, helper

trees, depth = int(sys.argv[1]), 10
nodes, leaves = 2 ** depth - 1, 2 ** (depth - 1)
node = numpy.arange(nodes)
is_leaf = node >= nodes - leaves
of = lambda values: numpy.tile(values, trees).tolist()
every = lambda values, count: numpy.repeat(values, count).tolist()
attributes = dict(
    nodes_treeids=every(numpy.arange(trees), nodes),
    nodes_nodeids=of(node),
    nodes_featureids=of(node % 10),
    nodes_values=of(numpy.where(is_leaf, 0, node / nodes)),
    nodes_hitrates=of(numpy.ones(nodes)),
    nodes_modes=["LEAF" if leaf else "BRANCH_LEQ" for leaf in is_leaf.tolist()] * trees,
    nodes_truenodeids=of(numpy.where(is_leaf, 0, 2 * node + 1)),
    nodes_falsenodeids=of(numpy.where(is_leaf, 0, 2 * node + 2)),
    nodes_missing_value_tracks_true=of(numpy.zeros(nodes, int)),
    class_treeids=every(numpy.arange(trees), leaves),
    class_nodeids=of(node[is_leaf]),
    class_ids=of(numpy.zeros(leaves, int)),
    class_weights=of(numpy.full(leaves, 0.5)),
)
found = helper.make_node(
    "TreeEnsembleClassifier", ["x"], ["label", "scores"], domain="ai.onnx.ml",
    classlabels_int64s=[0, 1], post_transform="NONE", **attributes,
)
graph = helper.make_graph(
    [found], "forest", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 10])],
    [helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
     helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, 2])],
)
opsets = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 1)]
model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
open(sys.argv[2], "wb").write(model.SerializeToString())
"""


def check_forests(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """The check of an artifact with a forest, against onnx' own checker on the same bytes."""
    folder = bench.folder / "forests"
    python = make_venv(folder / "venv", SOURCE / "3rdparty/python/train.txt")
    env = {**os.environ, "PYTHONPATH": str(bench.backend)}
    try:
        for size, trees in _FORESTS.items():
            sources = folder / str(trees)
            sources.mkdir()
            run([python, "-c", _WRITE, str(trees), sources / "forest.onnx"], folder)
            options = (f"--sources={sources}", "--where=bench:forest", f"--output={folder / 'findings.json'}")
            command: list[str | Path] = [python, "-m", "modelkiln", "build", "check-artifact", *options]
            peer = repeat(bench.rounds, partial(run, [python, "-c", _CHECK, sources / "forest.onnx"], folder))
            ours = repeat(bench.rounds, partial(run, command, folder, env))
            limit = 3 * peer.seconds
            yield Row(f"check, forest of {size}", ours.seconds, "onnx.checker", peer.seconds, "3 x it", limit)
            yield Row(f"peak memory, check of a forest of {size}", ours.peak / MB, "onnx.checker", peer.peak / MB,
                      "it + 50 MB", peer.peak / MB + 50, "MB")  # fmt: skip
    finally:
        shutil.rmtree(folder)
