"""Results of smoke tests as JUnit XML, which CI systems show: how each ended and how long it took.

There is no specification; the elements and attributes are those that pytest writes and Jenkins' schema has.
"""

import re
from dataclasses import dataclass
from typing import Iterator, Optional
from xml.etree import ElementTree

from modelkiln.errors import ModelkilnError

__all__ = ["FAILED", "PASSED", "TestCase", "junit_report", "read_junit"]

PASSED, FAILED = "passed", "failed"
_PACKAGE = "modelkiln.package"
_SECONDS = re.compile(r"^(?:passed|recorded) in ([0-9.]+) s\b", re.MULTILINE)
# XML 1.0, production 2: characters that a document may have.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LARGEST = 1 << 20


@dataclass(frozen=True)
class TestCase:
    """How a smoke test of a package ended. name: the test's address, with variant and format. seconds: that the
    package took to answer, or None."""

    __test__ = False  # Nothing for pytest to collect.

    name: str
    package_digest: str
    result: str
    seconds: Optional[float] = None


def junit_report(name: str, package_digest: str, exit_code: int, stdout: str, stderr: str) -> bytes:
    """Return the document about one test by how its process ended."""
    match = _SECONDS.search(stdout)
    seconds = match[1] if match else "0"
    counts = {"tests": "1", "failures": str(int(exit_code != 0)), "errors": "0", "skipped": "0", "time": seconds}
    top = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(top, "testsuite", {"name": name.partition("@")[0], **counts})
    listed = ElementTree.SubElement(suite, "properties")
    ElementTree.SubElement(listed, "property", {"name": _PACKAGE, "value": package_digest})
    named = {"classname": name.partition("@")[0], "name": name, "time": seconds}
    case = ElementTree.SubElement(suite, "testcase", named)
    if exit_code:
        text = _FORBIDDEN.sub("?", stderr or stdout)[-_LARGEST:]
        failure = ElementTree.SubElement(case, "failure", {"message": text.strip().partition("\n")[0]})
        failure.text = text
    else:
        ElementTree.SubElement(case, "system-out").text = _FORBIDDEN.sub("?", stdout)[-_LARGEST:]
    return ElementTree.tostring(top, encoding="utf-8", xml_declaration=True)


def read_junit(data: bytes, where: str) -> Iterator[TestCase]:
    """Yield the smoke tests that a document is about; tests of others are passed over.

    Raises ModelkilnError for what is not XML, or has entities of its own: they may be of any size.
    """
    try:
        if b"<!" in data.partition(b"<testsuite")[0].replace(b"<!--", b""):
            raise ElementTree.ParseError("it declares a type of its own")
        top = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ModelkilnError(f"{where}: is not a report of tests ({error}). Give JUnit XML.") from None
    for suite in top.iter("testsuite"):
        listed = {one.get("name"): one.get("value") for one in suite.iter("property")}
        package = listed.get(_PACKAGE)
        for case in suite.iter("testcase") if package else ():
            is_failed = case.find("failure") is not None or case.find("error") is not None
            seconds = None if is_failed else _number(case.get("time") or "")
            yield TestCase(case.get("name") or "", package or "", FAILED if is_failed else PASSED, seconds)


def _number(text: str) -> Optional[float]:
    try:
        return float(text)
    except ValueError:
        return None
