"""Smoke tests as JUnit XML: written, and read back."""

from xml.etree import ElementTree

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.smoke.junit import FAILED, PASSED, TestCase, junit_report, read_junit

_NAME, _PACKAGE = "models/rain:smoke@format=pex", "sha256:" + "0a" * 32


def test_a_test_that_passed_has_its_time():
    """That of the package's answer, which the step prints."""
    report = junit_report(_NAME, _PACKAGE, 0, "passed in 1.25 s: rain FP32 [2]\n", "")
    assert [TestCase(_NAME, _PACKAGE, PASSED, 1.25)] == list(read_junit(report, "r.xml"))
    (case,) = ElementTree.fromstring(report).iter("testcase")
    assert ("models/rain:smoke", _NAME, "1.25") == tuple(case.get(key) for key in ("classname", "name", "time"))


def test_a_test_that_failed_says_why():
    """With what XML cannot hold left out."""
    report = junit_report(_NAME, _PACKAGE, 1, "", "rain differs\nby \x1b[1m2 & more\ud800\n")
    assert [TestCase(_NAME, _PACKAGE, FAILED)] == list(read_junit(report, "r.xml"))
    (failure,) = ElementTree.fromstring(report).iter("failure")
    assert ("rain differs", "rain differs\nby ?[1m2 & more?\n") == (failure.get("message"), failure.text)


def test_tests_of_others_are_passed_over():
    """As pytest's, which lie in the same folder."""
    assert [] == list(read_junit(b'<testsuites><testsuite><testcase name="a" time="1"/></testsuite></testsuites>', "r"))


@pytest.mark.parametrize(
    "data",
    [b"", b"<testsuites>", b"\xff\xfe\x00", b'<!DOCTYPE a [<!ENTITY b "c">]><testsuites>&b;</testsuites>'],
)
def test_what_is_not_a_report_is_refused(data):
    """Also what would declare entities, which may be as large as they like."""
    with pytest.raises(ModelkilnError, match="r.xml: is not a report of tests .*Give JUnit XML"):
        list(read_junit(data, "r.xml"))
