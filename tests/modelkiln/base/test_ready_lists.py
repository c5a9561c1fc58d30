"""The package lists that come with Modelkiln."""

from pathlib import Path

import pytest

from modelkiln.base.debian_lock import check_listed, load_lock, parse_package_list
from modelkiln.base.ready_lists import find_suite, ready_list
from modelkiln.errors import ModelkilnError

ROOT = next(path for path in Path(__file__).resolve().parents if (path / "3rdparty/debian").is_dir())


def test_the_list_of_python_311_is_that_of_this_repository():
    """Which is locked and tested here; of trixie's names it leaves out more."""
    own, left_out = parse_package_list((ROOT / "3rdparty/debian/python311.packages").read_text("utf-8"), "own")
    names, more = parse_package_list(ready_list("modelkiln:python3.11", "x"), "ready")
    assert (sorted(own), set()) == (sorted(names), set(left_out) - set(more))
    lock = load_lock((ROOT / "3rdparty/debian/python311.lock.json").read_text("utf-8"), "lock")
    check_listed(lock, names, more, "bookworm", "lock", "")


@pytest.mark.parametrize("name", ["modelkiln:", "modelkiln:python3", "modelkiln:debian"])
def test_an_unknown_list_is_refused(name):
    """The name, and one that there is."""
    with pytest.raises(ModelkilnError, match=f"x: there is no package list '{name}'. Write `modelkiln:python3.11`"):
        ready_list(name, "x")


@pytest.mark.parametrize(
    ("suite", "packages", "expected"),
    [
        (None, "modelkiln:python3.11", "bookworm"),
        (None, "modelkiln:python3.13", "trixie"),
        ("forky", "modelkiln:python3.13", "forky"),
        (None, "own.packages", "bookworm"),
        ("trixie", "own.packages", "trixie"),
        (None, None, "bookworm"),
    ],
)
def test_a_python_names_the_release_of_debian(suite, packages, expected):
    """The one that has it, unless the target names another; a list of one's own says nothing."""
    assert expected == find_suite(suite, packages, "x")


def test_a_python_that_debian_lacks_is_refused():
    """The Pythons that there are, and the field that names a release to come."""
    with pytest.raises(ModelkilnError, match="x: no release of Debian has Python 3.12.*trixie 3.13.*field `suite`"):
        find_suite(None, "modelkiln:python3.12", "x")
    assert "forky" == find_suite("forky", "modelkiln:python3.14", "x")


def test_the_list_without_a_python_is_the_others_rest():
    """For a base that takes a portable one; of the newest release of Debian."""
    names, left_out = parse_package_list(ready_list("modelkiln:libraries", "x"), "x")
    others = parse_package_list(ready_list("modelkiln:python3.13", "x"), "x")
    assert {"python3.13-minimal", "libpython3.13-stdlib"} == {*others[0]} - {*names}
    assert ({"libexpat1", "zlib1g"}, others[1]) == ({*names} - {*others[0]}, left_out)
    assert "trixie" == find_suite(None, "modelkiln:libraries", "x")
