"""`urls` in the metadata of a package."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.package.urls import check_urls


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
        ({"Issues": ["https://example.com"]}, "Issues: .* is not an address"),
    ],
)
def test_what_metadata_cannot_hold_is_refused(value, message):
    """The target, the key and the bad value are named."""
    with pytest.raises(ModelkilnError, match=f"^m:m: metadata: urls.*{message}"):
        check_urls(value, "m:m")
