"""What a package's metadata may hold, and what of it annotations have."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.package.metadata import check_metadata
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
