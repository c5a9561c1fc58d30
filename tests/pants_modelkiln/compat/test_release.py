"""Which releases of Pants the backend runs on."""

import sys

import pytest
from pants.version import VERSION

from pants_modelkiln.compat.release import check_release, doubt_of, problem_of


@pytest.mark.parametrize("version", [VERSION, "2.17.1", "2.31.0", "2.32.1", "2.33.0", "2.33.0rc1", "2.33.0.dev4"])
def test_a_release_that_was_tried_is_taken(version):
    """Without a word, also where it is a candidate of one."""
    assert (None, None) == (problem_of(version), doubt_of(version, (3, 11, 4)))


@pytest.mark.parametrize("version", ["1.30.0", "2.16.2", "2.18.0", "2.30.1"])
def test_a_release_without_a_way_is_refused(version):
    """The sentence names the release, and those that will do."""
    problem = problem_of(version)
    assert problem is not None
    assert f"this is {version}," in problem
    assert "2.17, 2.31, 2.32 and 2.33" in problem


@pytest.mark.parametrize(("version", "python"), [("2.34.0", (3, 14, 0)), ("3.0.0", (3, 14, 0)), ("2.33.0", (3, 15, 0))])
def test_what_nobody_tried_is_said(version, python):
    """It runs, and what fails then is known to be untried."""
    assert problem_of(version) is None
    assert "Look for a newer Modelkiln." in str(doubt_of(version, python))


def test_a_free_threaded_python_is_said():
    """It may have been built for this release of Pants, and runs."""
    assert "free-threaded" in str(doubt_of("2.33.0", (3, 14, 0), True))


def test_this_release_is_taken():
    """The Pants that runs this test loads the backend."""
    check_release()
    assert doubt_of(VERSION, sys.version_info) is None
