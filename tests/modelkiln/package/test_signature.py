"""Signatures read at build time."""

import json

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.package.signature import load_signature
from modelkiln.runtime.tensors import Tensor

X = {"name": "x", "datatype": "FP32", "shape": [-1, 64]}
Y = {"name": "y", "datatype": "INT64", "shape": []}


def test_a_signature_is_read_and_written():
    """What is written is what was read."""
    value = {"inputs": [X], "outputs": [Y]}
    assert value == load_signature(json.dumps(value), "signature.json").to_json()


def test_disagreements_are_reported_together():
    """Every tensor that differs gets a sentence with what it is and what it should be."""
    signature = load_signature(json.dumps({"inputs": [X, Y], "outputs": [Y]}), "signature.json")
    tensors = [Tensor("x", "FP64", (2, 63), []), Tensor("z", "BOOL", (), [])]
    expected = [
        'input "x" has datatype FP64, want FP32.',
        'input "x" has shape [2, 63], want [-1, 64].',
        'input "y" is missing, want INT64 [].',
        'input "z" is not in the signature, which has x, y.',
    ]
    assert expected == signature.problems("input", tensors)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{", "not JSON at line 1"),
        ([], "a signature is an object"),
        ({"inputs": [X]}, 'with "inputs" and "outputs"'),
        ({"inputs": [], "outputs": [Y]}, '"inputs" must be a list with at least one tensor'),
        ({"inputs": [X], "outputs": [Y], "platform": "onnx"}, "'platform' is not a member"),
        ({"inputs": [X, X], "outputs": [Y]}, 'input "x" is there twice'),
        ({"inputs": [1], "outputs": [Y]}, "input 0: 1 is not an object"),
        ({"inputs": [{**X, "name": ""}], "outputs": [Y]}, "input 0: name ''"),
        ({"inputs": [X], "outputs": [{**Y, "datatype": "float32"}]}, "'float32' is unknown; use one of BOOL"),
        ({"inputs": [{**X, "shape": [0]}], "outputs": [Y]}, r"shape \[0\] is not a list"),
        ({"inputs": [{**X, "shape": ["batch"]}], "outputs": [Y]}, "-1 for a variable dimension"),
        ({"inputs": [{**X, "dtype": 1}], "outputs": [Y]}, "'dtype' not known"),
    ],
)
def test_a_malformed_signature_is_refused(value, message):
    """The message names the file, what is wrong and the form it should have."""
    text = value if isinstance(value, str) else json.dumps(value)
    with pytest.raises(ModelkilnError, match="^signature.json: .*" + message):
        load_signature(text, "signature.json")


def test_all_mistakes_are_reported_at_once():
    """A user fixes a file once."""
    text = json.dumps({"inputs": [{**X, "shape": 3}], "outputs": [{**Y, "datatype": "F"}]})
    with pytest.raises(ModelkilnError, match='input "x": shape 3.*output "y": datatype \'F\''):
        load_signature(text, "signature.json")
