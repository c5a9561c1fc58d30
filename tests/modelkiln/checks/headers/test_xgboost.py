"""XGBoost's models in both of their forms: what it loads."""

import io
import json
import struct

import pytest
import xgboost
from samples.headers.models import xgboost_model

from modelkiln.checks.check import Options, check_file
from modelkiln.errors import ModelkilnError


def _check(data):
    return check_file("m.bin", lambda: io.BytesIO(data), len(data), Options("src/demo:weights"))


def _loads(data):
    try:
        xgboost.Booster(model_file=bytearray(data))
    except xgboost.core.XGBoostError:
        return False
    return True


@pytest.mark.parametrize("format", ["json", "ubj"])
@pytest.mark.parametrize(
    ("params", "facts"),
    [
        ({}, {"architecture": "gbtree", "classes": 3, "objective": "multi:softprob", "trees": 12}),
        (
            {"objective": "reg:squarederror", "num_class": None, "booster": "dart"},
            {"architecture": "dart", "objective": "reg:squarederror", "trees": 4},
        ),
        (
            {"objective": "reg:squarederror", "num_class": None, "booster": "gblinear"},
            {"architecture": "gblinear", "objective": "reg:squarederror"},
        ),
    ],
    ids=["gbtree", "dart", "gblinear"],
)
def test_facts(format, params, facts):
    """Booster, objective, classes, features, trees and the library's release."""
    found = _check(xgboost_model(format, **params))
    assert ("xgboost", {**facts, "features": 5, "release": xgboost.__version__}) == (found.format, found.facts)


def test_readable_json_is_recognised():
    """With white space, and with the version first."""
    content = json.loads(xgboost_model("json"))
    other = {"version": content["version"], "learner": content["learner"]}
    for text in (json.dumps(content, indent=2), json.dumps(other)):
        assert _loads(text.encode())
        assert _check(xgboost_model()).facts == _check(text.encode()).facts


def test_leaves_of_several_values():
    """A tree for all targets has arrays of other lengths."""
    import numpy

    rows = numpy.random.default_rng(0).random((50, 3))
    booster = xgboost.train({"multi_strategy": "multi_output_tree"}, xgboost.DMatrix(rows, rows[:, :2]), 2)
    for format in ("json", "ubj"):
        facts = _check(bytes(booster.save_raw(format))).facts
        assert (2, 2) == (facts["targets"], facts["trees"])


def test_categories():
    """Nodes that split by category have lists of their own."""
    import numpy

    rows = numpy.random.default_rng(0).integers(0, 4, (80, 2)).astype("float32")
    data = xgboost.DMatrix(rows, rows[:, 0] == 2, feature_types=["c", "c"], enable_categorical=True)
    booster = xgboost.train({"max_cat_to_onehot": 1}, data, 2)
    raw = bytes(booster.save_raw("json"))
    assert 2 == _check(raw).facts["trees"]
    with pytest.raises(ModelkilnError, match=r"tree 0 has \[\d+, \d+, \d+\] categories_nodes"):
        _check(_changed(raw, "gradient_booster model trees 0 categories_sizes", []))


def _changed(raw, path, value):
    content = json.loads(raw)
    inner, keys = content["learner"], path.split()
    for key in keys[:-1]:
        inner = inner[int(key) if key.isdigit() else key]
    inner[keys[-1]] = value
    return json.dumps(content).encode()


TREES = "gradient_booster model"
BAD = {
    "num_trees": (f"{TREES} gbtree_model_param num_trees", "13", r"it has 13 trees \(num_trees\), and 12 trees"),
    "huge": (f"{TREES} gbtree_model_param num_trees", str(1 << 63), f"it has {1 << 63} trees"),
    "tree_info": (f"{TREES} tree_info", [0], r"it has 12 trees \(num_trees\), and 1 tree_info"),
    "num_nodes": (f"{TREES} trees 0 tree_param num_nodes", "77", "tree 0 has 77 nodes .*, and .* left_children"),
    "children": (f"{TREES} trees 1 right_children", [1], r"tree 1 has \d+ nodes \(num_nodes\), and 1 right_children"),
    "conditions": (f"{TREES} trees 2 split_conditions", {}, "tree 2 has .*, and 0 split_conditions"),
    "not-a-number": (f"{TREES} gbtree_model_param num_trees", "many", "its num_trees is 'many'"),
    "not-a-text": ("objective name", 3, "it has 3 where a text is wanted"),
    "no-booster": ("gradient_booster", {"model": {}}, "it lacks its version"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_counts_are_held_to_the_file(name):
    """What the library refuses; the error has the value."""
    path, value, message = BAD[name]
    data = _changed(xgboost_model("json"), path, value)
    assert not _loads(data)
    with pytest.raises(ModelkilnError, match=f"m.bin: not a valid XGBoost model: {message}"):
        _check(data)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("feature_names", ["a"], r"has 5 features \(num_feature\), and 1 feature_names"),
        (f"{TREES} iteration_indptr", [0, 3, 6, 9], "iteration_indptr ends at 9"),
        (f"{TREES} iteration_indptr", [0, 9, 6, 12], "iteration_indptr has 6 after 9"),
    ],
)
def test_what_the_library_finds_when_it_predicts(path, value, message):
    """Lists that do not fit the rest."""
    with pytest.raises(ModelkilnError, match=message):
        _check(_changed(xgboost_model("json"), path, value))


def test_weights_that_are_too_few():
    """Of a linear booster, which reads them by its numbers of features and outputs, and of trees that are dropped."""
    for booster, path in (("gblinear", "gradient_booster model weights"), ("dart", "gradient_booster weight_drop")):
        data = xgboost_model("json", booster=booster)
        with pytest.raises(ModelkilnError, match="12 trees .*, and 1 weight_drop|it has 1 weights, .* make 18"):
            _check(_changed(data, path, [1.5]))
    data = _changed(xgboost_model("json", booster="gblinear"), "gradient_booster model weights", [])
    assert "gblinear" == _check(data).facts["architecture"]


def test_hostile_lengths():
    """A length of UBJSON that reaches past the end is named."""
    data = xgboost_model()
    names = data.index(b"feature_names[#L") + len(b"feature_names[#L")
    for length, message in ((1 << 62, f"has {1 << 62} items, past the end"), (-1, "is -1 of the type b'L'")):
        with pytest.raises(ModelkilnError, match=message):
            _check(data[:names] + struct.pack(">q", length) + data[names + 8 :])
    with pytest.raises(ModelkilnError, match="the key 'num_trees' is there twice"):
        _check(data.replace(b"num_parallel_tree", b"num_trees").replace(b"\x11num_trees", b"\x09num_trees"))


def test_a_large_model_takes_little_memory(tmp_path):
    """A tree of a gigabyte of nodes is passed over."""
    data = xgboost_model("ubj", objective="reg:squarederror", num_class=None)
    key = data.index(b"base_weights[$d#L") + len(b"base_weights[$d#L")
    count = 1 << 28
    path = tmp_path / "m.ubj"
    with path.open("wb") as stream:
        stream.write(data[:key] + struct.pack(">q", count))
        stream.seek(count * 4, 1)
        stream.write(data[key + 8 + 4 * struct.unpack(">q", data[key : key + 8])[0] :])
    with pytest.raises(ModelkilnError, match=f"and {count} base_weights"):
        check_file("m.ubj", lambda: path.open("rb"), path.stat().st_size, Options("a:b"))
