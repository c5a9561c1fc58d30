"""What a package's metadata may hold, and what of it annotations have."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.package.metadata import check_metadata, check_urls, project_urls
from modelkiln.package.record import metadata_annotations

PREFIX = "org.opencontainers.image"


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"authors": "Ada", "license": "MIT", "revision": 7},
        {"authors": ["Ada", "Bob"]},
        {"own": {"any": [1, None, True]}, "requires": {"memory": "8 GiB"}},
    ],
)
def test_any_object_is_taken(value):
    """Keys of the user's own have any value."""
    check_metadata(value, "rain:rain")


@pytest.mark.parametrize("value", [None, True, {"name": "Ada"}, ["Ada", 3], []])
@pytest.mark.parametrize("key", ["authors", "license", "url"])
def test_a_known_key_with_a_value_of_no_use_is_refused(key, value):
    """Images would go without the annotation, and nobody would know why."""
    with pytest.raises(ModelkilnError, match=f"rain:rain: metadata: {key}: .* is not a text.*{PREFIX}.{key}"):
        check_metadata({key: value}, "rain:rain")


def test_several_authors_are_for_authors_alone():
    """A list of licences leaves open whether all hold or any; an SPDX expression says it."""
    with pytest.raises(ModelkilnError, match=r"license: \['MIT', 'BSD-3-Clause'\] is not a text, which"):
        check_metadata({"license": ["MIT", "BSD-3-Clause"]}, "rain:rain")


def test_several_authors_are_one_annotation():
    """Annotations are texts; what is not a text, or has no annotation, is left out."""
    metadata = {"authors": ["Ada", "Bob"], "license": "MIT", "revision": 7, "metrics": {"auc": 1}}
    assert {
        f"{PREFIX}.authors": "Ada, Bob",
        f"{PREFIX}.licenses": "MIT",
        f"{PREFIX}.revision": "7",
        f"{PREFIX}.title": "rain",
        f"{PREFIX}.version": "1.0",
    } == metadata_annotations({"metadata": metadata, "name": "rain", "version": "1.0"})


@pytest.mark.parametrize(
    "value",
    [{}, {"Issues": "https://tracker.example.com/models/fraud?open=1#new", "Model card (de)": "http://[::1]:8080/"}],
)
def test_addresses_of_the_web_are_taken(value):
    """With labels of the publisher's."""
    check_urls(value, "m:m")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("https://example.com", "'https://example.com' is not a dictionary, as in"),
        ({"": "https://example.com"}, "'' is not a label of up to 32 characters"),
        ({"a" * 33: "https://example.com"}, "'a+' is not a label"),
        ({"a, b": "https://example.com"}, "'a, b' is not a label of up to 32 characters without a comma"),
        ({"a\nb": "https://example.com"}, "is not a label"),
        ({"Source": "https://example.com"}, "'Source' is a key of `metadata` itself: write it there"),
        ({"Issues": "example.com"}, "Issues: 'example.com' is not an address of https or http"),
        ({"Issues": "https://"}, "Issues: 'https://' is not an address"),
        ({"Issues": "https://example.com/\nEvil: 1"}, "Issues: .* is not an address"),
        ({"Issues": "https://[::1"}, "Issues: .* is not an address"),
        ({"Issues": "javascript:alert(1)"}, "Issues: .* is not an address"),
        ({"Issues": "https://example.com:99999999"}, "Issues: .* is not an address"),
        ({"Issues": "https://user:secret@example.com"}, "Issues: .* is not an address"),
        ({"Issues": "https://example.com", "issues": "https://example.com"}, "'Issues' is there in several spellings"),
        ({"Issues": ["https://example.com"]}, "Issues: .* is not an address"),
    ],
)
def test_what_metadata_cannot_hold_is_refused(value, message):
    """The target, the key and the bad value are named."""
    with pytest.raises(ModelkilnError, match=f"^m:m: metadata: urls.*{message}"):
        check_urls(value, "m:m")


def test_other_texts_are_named_where_they_are_addresses():
    """Of the web, or of a repository as pip writes it."""
    metadata = {"source": "git+https://git.example.com/sums@v1", "documentation": "https://docs.example.com/sums"}
    assert sorted(metadata.items()) == project_urls(metadata)
    for text in ("httpd", "https://", "https://a.example.com Project-URL: b, c", "http\x00:b", "http:\x1b[31m"):
        assert [] == project_urls({"source": text})
