"""What others say of a package, as tables: signatures and statements, smoke tests, vulnerabilities."""

from typing import Any, Mapping, Optional, Sequence

from modelkiln.report.evidence.attestations import Attestation
from modelkiln.report.evidence.vulnerabilities import Vulnerability
from modelkiln.report.page.html import Html, section, table, tag
from modelkiln.smoke.junit import TestCase

__all__ = ["attested", "smoke_tests", "vulnerability_changes", "vulnerable"]

_UNSIGNED = (
    "No signature lies with this package. Those of a published one are next to it in its registry, with its bill of "
    "materials and its provenance."
)
_HEADS = ("vulnerability", "severity", "in", "fixed in")


def attested(listed: Sequence[Attestation]) -> Optional[Html]:
    """Return signatures and statements, and whose they are."""
    note = None if any(one.is_signed for one in listed) else tag("p", _UNSIGNED)
    rows = [[one.kind, one.says, tag("code", one.about[7:19]) if one.about else "", one.state] for one in listed]
    return section("Attestations", note, table("Attestations", ("attestation", "says", "about", "signature"), rows))


def smoke_tests(cases: Sequence[TestCase], record: Mapping[str, Any], listed: Sequence[Attestation]) -> Optional[Html]:
    """Return how smoke tests of a package ended: those that ran here with their times, and those that are attested."""
    own = [one for one in cases if one.package_digest == record.get("package_digest")]
    rows: list[list[Any]] = [[one.name, one.result, _seconds(one.seconds), "on this machine"] for one in own]
    names = dict.fromkeys((name, one.state) for one in listed for name in one.names)
    rows += [[name, "passed", "", f"attested, {state}"] for name, state in names]
    heads = ("smoke test", "result", "time", "where")
    return section("Smoke tests", table("Smoke tests", heads, rows, (2,))) if rows else None


def _seconds(seconds: Optional[float]) -> str:
    return "" if seconds is None else f"{seconds:.2f} s"


def vulnerable(found: Optional[Sequence[Vulnerability]]) -> Optional[Html]:
    """Return what scanners know; None where none was asked."""
    if found is None:
        return None
    rows = [[one.identifier, *_described(one.to_json())] for one in found]
    nothing = None if rows else tag("p", "The reports of scanners name nothing that is in this package.")
    return section("Vulnerabilities", nothing, table("Vulnerabilities, the worst first", _HEADS, rows))


def vulnerability_changes(found: Optional[Mapping[str, Any]]) -> Optional[Html]:
    """Return which came and which went; None where no scanner was asked."""
    if found is None:
        return None
    rows = [[f"{side}: {one['id']}", *_described(one)] for side in ("came", "went") for one in found[side]]
    summary = f"{len(found['came'])} came, {len(found['went'])} went, and {len(found['stayed'])} stayed."
    listed = table("Vulnerabilities that came or went", _HEADS, rows)
    return section("Vulnerabilities", tag("p", summary), listed)


def _described(one: Mapping[str, str]) -> list[str]:
    return [one["severity"] or "unknown", f"{one['name']} {one['version']}", one["fixed"]]
