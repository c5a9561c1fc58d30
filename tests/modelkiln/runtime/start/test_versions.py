"""Versions and specifiers without a library, held against `packaging`."""

import itertools

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from modelkiln.runtime.start.versions import allows, version_key

VERSIONS = [
    f"{epoch}{release}{pre}{post}{dev}{local}"
    for epoch in ("", "1!")
    for release in ("1", "1.0", "1.0.1", "1.10", "2", "10.3.0.26")
    for pre in ("", "a1", "rc2", ".beta.3")
    for post in ("", ".post1", "-2", ".rev")
    for dev in ("", ".dev0", "dev3")
    for local in ("", "+cu124", "+ubuntu.1")
]
SPECIFIERS = [">=1.0", "<2", "<=1.0.1", ">1", "~=1.0", "~=1.0.1", "==1.*", "==1.0", "!=1.0", "!=1.10.*"]
SPECIFIERS += [">=10.3,<11", "<1.0rc2", ">1.0.post1", "==1.0+cu124", "===1.0", ">1.0a1,!=1.0.1", "<=1!1.0"]


def test_versions_are_ordered_as_by_packaging():
    """Sorting by keys gives the order of PEP 440, for every combination of its parts."""
    expected = sorted(VERSIONS, key=lambda text: (Version(text), text))
    assert expected == sorted(VERSIONS, key=lambda text: (version_key(text), text))


@pytest.mark.parametrize("specifier", SPECIFIERS)
def test_specifiers_allow_what_packaging_allows(specifier):
    """Every version is inside or outside of a specifier as `packaging` has it, pre-releases included."""
    expected = [text for text in VERSIONS if SpecifierSet(specifier).contains(text, prereleases=True)]
    assert expected == [text for text in VERSIONS if allows(specifier, text)]


def test_an_empty_specifier_allows_all():
    """A requirement without a specifier takes any version."""
    assert all(allows("", text) for text in itertools.islice(VERSIONS, 10))


@pytest.mark.parametrize("text", ["", "unknown", "1..0", "1.0+", "1.0-x"])
def test_what_is_not_a_version_is_refused(text):
    """The caller has to report it."""
    with pytest.raises(ValueError, match="is not a version of PEP 440"):
        allows(">=1.0", text)
