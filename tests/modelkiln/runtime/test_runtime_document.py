"""Strict JSON."""

import pytest

from modelkiln.runtime.document import parse_json, reason_of, shown, type_in_words
from modelkiln.runtime.errors import PackageError


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "line 1, column 1: Expecting value. It is empty"),
        (b'{"a": [1,', "It ends too early"),
        (b"{'a': 1}", "line 1, column 2: .*double quotes"),
        (b'{\n "a": 01}', "line 2, column 8"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (b'{"a": 1, "a": 2}', "names 'a' twice"),
        (b'{"a": "\xff"}', "byte 7 is not UTF-8"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"[" * 200_000, "nested too deeply|ends too early"),
    ],
)
def test_what_is_not_json_is_refused(data, message):
    """The message names the document, the place and the remedy."""
    with pytest.raises(PackageError, match="^request.json: .*" + message):
        parse_json(data, "request.json")


def test_json_is_read():
    """Text and bytes give the same value."""
    assert {"ä": [1, 2.5]} == parse_json('{"ä": [1, 2.5]}', "t") == parse_json('{"ä": [1, 2.5]}'.encode(), "t")


def test_types_have_the_article_of_their_names():
    """And None is not called by its type's name."""
    assert ["None", "an int", "a str", "an OSError"] == [type_in_words(one) for one in (None, 1, "a", OSError())]


def test_values_are_shown_as_json_has_them():
    """Cut where they are long, without what a terminal would obey, and by Python where JSON has no word for them."""
    assert ["null", "true", '"ä"', "[1]"] == [shown(one) for one in (None, True, "ä", [1])]
    assert '"' + "x" * 56 + "..." == shown("x" * 100)
    assert '"\\u001b[2J\\u009b"' == shown("\x1b[2J\x9b")
    assert "b'x'" == shown(b"x")


def test_what_a_document_lacks_is_named():
    """And not the exception that says so."""
    assert ['"sha256" is missing', "odd"] == [reason_of(KeyError("sha256")), reason_of(ValueError("odd"))]
