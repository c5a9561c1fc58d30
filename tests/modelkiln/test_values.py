"""JSON objects as values, and what is built of them."""

import json

import pytest

from modelkiln.descriptor import LAYER, Descriptor
from modelkiln.frozen_json import FrozenJson
from modelkiln.layer import Layer
from modelkiln.layers import weights
from modelkiln.manifest.closure import LockedWheel
from modelkiln.pinned_file import PinnedFile
from modelkiln.recipe import FILES, WEIGHTS, Recipe
from modelkiln.smoke.plan import SmokePlan

BLOB = Descriptor.of(LAYER, b"x")


def test_equal_objects_are_one_value():
    """Order does not count, and a set or a dict of values takes them for the same."""
    first, second = FrozenJson.of({"b": [1], "a": "ü"}), FrozenJson.of({"a": "ü", "b": [1]})
    assert {first} == {second}
    assert '{"a":"ü","b":[1]}'.encode() == first.to_bytes()
    assert first != FrozenJson.of({"a": "ü", "b": [2]})


def test_a_value_keeps_what_it_was_made_of():
    """What is done to the object afterwards does not reach the value."""
    given = {"a": [1]}
    value = FrozenJson.of(given)
    given["a"].append(2)
    assert {"a": [1]} == value.to_json() == {**value}
    with pytest.raises(AttributeError):
        value.text = "{}"
    with pytest.raises(TypeError):
        value["a"] = 1


def test_values_of_two_kinds_differ():
    """A recipe is no other object with the same text."""
    assert FrozenJson.of({"packer": FILES}) != Recipe.made_by(FILES, {})


def test_a_layer_of_weights_is_no_blob_of_the_store():
    """Also one of files that Pants had is of weights, and has a blob."""
    file = PinnedFile("w", "0" * 64, 1)
    recipes = [weights.recipe("w", "models", [file.to_json()], {"uri": "w"}), Recipe.made_by(FILES, {}), None]
    layers = [Layer("weights", "w", BLOB, BLOB.digest, 0, recipe) for recipe in recipes]
    assert [WEIGHTS, FILES, None] == [layer.recipe and layer.recipe.packer for layer in layers]
    assert [True, False, False] == [layer.is_virtual for layer in layers]
    assert layers == [Layer.from_json(json.loads(json.dumps(layer.to_json()))) for layer in layers]


def test_a_locked_wheel_comes_back_from_json():
    """Sizes, libraries and how it was built are stated where they are known."""
    plain = LockedWheel("a", "1", "a-1-py3-none-any.whl", "0" * 64)
    assert {"name", "version", "filename", "sha256"} == set(plain.to_json())
    built = FrozenJson.of({"sdist": {"filename": "a-1.tar.gz"}})
    wheel = LockedWheel("a", "1", "a-1.whl", "0" * 64, build=built, size=3, unpacked_size=9, libraries=("nvidia/lib",))
    assert {wheel} == {LockedWheel.from_json(json.loads(json.dumps(wheel.to_json())))}
    assert plain != wheel


def test_a_plan_comes_back_from_its_file(tmp_path):
    """A smoke test's process reads what the rule wrote."""
    layer = Layer("weights", "w", BLOB, BLOB.digest, 0, Recipe.made_by(WEIGHTS, {}))
    plan = SmokePlan("oci", "image", "record.json", "request.json", "expected.json", rtol=0.5, layers=(layer,))
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_json()))
    assert plan == SmokePlan.read(tmp_path / "plan.json")
