"""In-toto statements."""

import json

import pytest

from modelkiln.attestation.statement import Statement, Subject
from modelkiln.errors import ModelkilnError

_DIGEST = "sha256:" + "ab" * 32


def _json(**changes):
    statement = Statement.of((Subject("digits", _DIGEST),), "https://example.com/p/v1", {"b": 1, "a": [2]})
    return {**statement.to_json(), **changes}


def test_a_statement_is_read_as_it_was_written():
    """What is read from a statement's bytes is equal to it, and its bytes are canonical."""
    statement = Statement.of((Subject("digits", _DIGEST), Subject("", _DIGEST)), "https://example.com/p/v1", {"a": 1})
    assert statement == Statement.read(statement.to_bytes(), "it")
    assert (
        b'{"_type":"https://in-toto.io/Statement/v1","predicate":{"a":1},"predicateType":' == statement.to_bytes()[:79]
    )
    assert statement.is_about(_DIGEST)
    assert not statement.is_about("sha256:" + "00" * 32)


def test_a_subject_without_a_name_is_its_digest_alone():
    """A name that is empty is left out, as the specification has it."""
    assert {"digest": {"sha256": "ab" * 32}} == Subject("", _DIGEST).to_json()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"_type": "https://in-toto.io/Statement/v0.1"}, "is of type 'https://in-toto.io/Statement/v0.1'"),
        ({"subject": []}, "it has no subject"),
        ({"subject": [{"name": "x", "digest": {"sha512": "00"}}]}, "subject 'x' has no sha256, but sha512"),
        ({"subject": [{"name": "x"}]}, "subject 'x' has no sha256, but no digest"),
        ({"subject": [{"name": 5, "digest": {"sha256": "ab" * 32}}]}, "the name 5"),
        ({"subject": [{"name": "x", "digest": {"sha256": "AB" * 32}}]}, "is not a digest"),
        ({"subject": ["x"]}, "is not an in-toto statement"),
        ({"predicateType": None}, "it lacks a type of predicate"),
        ({"predicate": ["a"]}, "is not an in-toto statement"),
    ],
)
def test_what_is_not_a_statement_is_refused(changes, message):
    """Other versions, other digests and values of another kind are refused, with the place named."""
    with pytest.raises(ModelkilnError, match=message) as caught:
        Statement.read(json.dumps(_json(**changes)).encode(), "referrer x")
    assert str(caught.value).startswith("referrer x: ")


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"{}", b"[" * 100_000])
def test_bytes_that_hold_no_object_are_refused(data):
    """Text that is not JSON, not an object, or nested without end is refused."""
    with pytest.raises(ModelkilnError, match="is not an in-toto statement"):
        Statement.read(data, "referrer x")
