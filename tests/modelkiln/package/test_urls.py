"""`urls` in the metadata of a package."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.package.urls import check_urls, project_urls


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
