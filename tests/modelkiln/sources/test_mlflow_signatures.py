"""MLflow's signatures come over whole, or a lock says what did not."""

import json

import pytest

from modelkiln.package.signature import read_signature
from modelkiln.runtime.signature import problems
from modelkiln.sources.mlflow.facts import facts_of


def column(name, **more):
    """A column of numbers."""
    return {"type": "double", "name": name, "required": True, **more}


def facts(example=None, **sides):
    """The facts of a model with a signature of these sides, and of an example."""
    lines = [f"  {side}: '{json.dumps(value)}'\n" for side, value in sides.items()]
    files = {"MLmodel": "signature:\n" + "".join(lines)}
    files.update({"serving_input_example.json": json.dumps(example)} if example else {})
    return facts_of({}, {}, {}, {}, "", files)


def test_columns_that_are_called_by_numbers():
    """A table made of an array calls its columns 0, 1, 2: these are their names, as text, 0 among them."""
    inputs = [{"type": "long", "name": number, "required": True} for number in (2, 0, 1)]
    example = {"dataframe_split": {"columns": [2, 0, 1], "data": [[20, 0, 10]]}}
    found = facts(example, inputs=inputs, outputs=[column("y")])
    assert ["2", "0", "1"] == [one["name"] for one in found["signature"]["inputs"]]
    read_signature(found["signature"], "the lock")
    assert {"2": [20], "0": [0], "1": [10]} == {one["name"]: one["data"] for one in found["input_example"]["inputs"]}


def test_a_single_column_that_is_called_0():
    """The only column keeps its name 0 and does not get one that was made up."""
    example = {"dataframe_split": {"columns": [0], "data": [[4.0]]}}
    found = facts(example, inputs=[column(0)], outputs=[column("y")])
    assert ["0"] == [one["name"] for one in found["signature"]["inputs"]]
    assert [4.0] == found["input_example"]["inputs"][0]["data"]


def test_two_columns_with_one_name_are_not_taken():
    """A number and the text of it: no request can name one of them."""
    found = facts(inputs=[column(0), column("0")], outputs=[column("y")])
    assert "signature" not in found
    assert ["signature: inputs: '0' is the name of two"] == found["not_taken"]


def test_an_optional_column_is_not_demanded_without_a_word():
    """A column that may be missing is demanded, which the lock says."""
    found = facts(inputs=[column("a"), column("extra", required=False)], outputs=[column("y")])
    assert problems(found["signature"]["inputs"], [("a", "FP64", [1])], "input")
    assert ["signature: inputs: extra: may be absent in MLflow, and is demanded here"] == found["not_taken"]


def test_parameters_of_a_signature_do_not_vanish():
    """`params` have no place among tensors: the lock says that they were not taken."""
    params = [{"name": "temperature", "type": "double", "default": 0.5, "shape": None}]
    found = facts(inputs=[column("a")], outputs=[column("y")], params=params)
    assert ["signature: params: temperature: are not tensors"] == found["not_taken"]


@pytest.mark.parametrize("absent, present", [("outputs", "inputs"), ("inputs", "outputs")])
def test_a_signature_that_lacks_a_side(absent, present):
    """MLflow lets either be absent; then no signature is taken, and the lock says so."""
    found = facts(**{present: [column("a")]})
    assert "signature" not in found
    assert [f"signature: has no {absent}, so that a signature.json has to be written"] == found["not_taken"]


@pytest.mark.parametrize("value", [None, float("nan")])
def test_an_example_with_a_missing_value_is_not_taken(value):
    """No request can hold it."""
    example = {"dataframe_split": {"columns": ["a"], "data": [[value]]}}
    found = facts(example, inputs=[column("a")], outputs=[column("y")])
    assert "input_example" not in found
    assert [f"input example: has the value {value}, which no request can hold"] == found["not_taken"]
