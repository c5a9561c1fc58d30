"""Documents that others wrote."""

import pytest

from modelkiln.document import ANYTHING, DIGEST, SIZE, TEXT, mismatch, parse_object

_SHAPE = {"name!": TEXT, "sizes": [SIZE], "digest": DIGEST, "more": {"*": TEXT, "other": ANYTHING}}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 200 + "1" + "}" * 200, "nested more than 100 deep"),
        ("[1]", "a JSON list"),
        ('{"a": NaN}', "NaN is not a number"),
        ('{"a": -1e999}', "-1e999 is not a number"),
        ('{"a": "\\uD800"}', "surrogates not allowed"),
        (b"\xff\xfe{", "can't decode"),
        ("{", "Expecting"),
    ],
)
def test_what_is_not_an_object_is_refused(text, problem):
    """Also what would end in an error later: depth, numbers without an end, text that cannot be written."""
    with pytest.raises(ValueError, match=problem):
        parse_object(text)
    assert {"a": ["\u00fc\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), 1.5]} == parse_object(
        '{"a": ["\u00fc\\ud83d\\ude00", 1.5]}'
    )


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"name": "x", "sizes": [0, 7], "more": {"a": "b", "other": 7}, "unknown": 1, "digest": None}, ""),
        ({}, "it lacks 'name'"),
        ({"name": None}, "it lacks 'name'"),
        ({"name": 7}, "name 7 is not a text"),
        ({"name": "x", "sizes": 7}, "sizes 7 is not a list"),
        ({"name": "x", "sizes": [1, -1]}, "sizes[1] -1 is not a number of bytes"),
        ({"name": "x", "sizes": [True]}, "sizes[0] True is not a number of bytes"),
        ({"name": "x", "sizes": [10**5000]}, "sizes[0] a number of many digits is not a number of bytes"),
        ({"name": "x", "digest": "sha256:1"}, "digest 'sha256:1' is not a digest"),
        ({"name": "x", "more": {"a": None}}, "more.a None is not a text"),
        ({"name": "x", "more": [1]}, "more [1] is not an object"),
        ([], "[] is not an object"),
    ],
)
def test_values_are_held_to_a_shape(value, problem):
    """The first place that does not fit is named; what a shape does not know may be anything."""
    assert problem == mismatch(value, _SHAPE)
