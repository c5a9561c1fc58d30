"""Errors that users see."""

import json

import pytest

from modelkiln.errors import reason


def _lacks_arguments(value, name):
    return value[name]


@pytest.mark.parametrize(
    "read, expected",
    [
        (lambda: {}["name"], "it lacks 'name'"),
        (lambda: [].get("name"), "it has a list where a value of another kind belongs"),
        (lambda: json.loads("[]")["name"], "it has a list where a value of another kind belongs"),
        (lambda: json.loads("5")["name"], "it has a number where a value of another kind belongs"),
        (lambda: json.loads("null")["name"], "it has null where a value of another kind belongs"),
        (lambda: len(True), "it has true or false where a value of another kind belongs"),
        (lambda: {}[[]], "it has a list where a value of another kind belongs"),
        (lambda: json.loads('"x"')["name"], "it has a text where a value of another kind belongs"),
        (lambda: sorted([{}, {}]), "it has an object where a value of another kind belongs"),
        (lambda: _lacks_arguments(**{"value": 1}), "it lacks 'name'"),
        (lambda: _lacks_arguments(**{"value": 1, "name": 2, "size": 3}), "it has 'size', which is not known"),
        (lambda: json.loads("[" * 100_000), "it is nested too deeply"),
        (lambda: int("x"), "invalid literal for int() with base 10: 'x'"),
    ],
)
def test_a_reason_is_given_in_words(read, expected):
    """What reading a document of another shape raises is said of the document, and not of Python's objects."""
    with pytest.raises((KeyError, TypeError, AttributeError, ValueError, RecursionError)) as caught:
        read()
    assert expected == reason(caught.value)
