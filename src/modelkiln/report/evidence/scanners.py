"""The reports of scanners: Grype, Trivy, OSV-Scanner, and CycloneDX.

Forms: anchore/grype, schema/grype/db-search and `grype -o json`; aquasecurity/trivy, pkg/types/report.go; OSV-Scanner,
docs/output.md and the OSV schema 1.7; CycloneDX 1.6, `vulnerabilities`.
"""

from dataclasses import astuple, dataclass
from typing import Any, Iterator, Mapping
from urllib.parse import unquote

__all__ = ["Affected", "affected"]

# Of a package URL, and of what scanners call what they find.
_KINDS = {
    "pypi": "wheel",
    "python": "wheel",
    "python-pkg": "wheel",
    "deb": "debian",
    "debian": "debian",
    "ubuntu": "debian",
}
# CycloneDX 1.6, impactAnalysisState: nobody has to do anything.
_NO_MATTER = ("not_affected", "false_positive", "resolved", "resolved_with_pedigree")


@dataclass(frozen=True)
class Affected:
    """A version of a package that has a vulnerability. kind: "wheel" or "debian". version: "" for any. severity: in
    small letters, or ""."""

    identifier: str
    kind: str
    name: str
    version: str
    severity: str = ""
    fixed: str = ""


def affected(report: Mapping[str, Any]) -> Iterator[Affected]:
    """Yield what a report says of wheels and Debian packages; raises ValueError, or what follows from values of
    another kind, for another document."""
    if report.get("bomFormat") == "CycloneDX":
        found = _cyclone_dx(report)
    elif "matches" in report:
        found = _grype(report)
    elif "Results" in report or "ArtifactName" in report:
        found = _trivy(report)
    elif "results" in report:
        found = _osv(report)
    else:
        raise ValueError("it has none of bomFormat, matches, Results and results")
    for one in found:
        if not all(isinstance(value, str) for value in astuple(one)):
            raise ValueError(f"{one.identifier!r} of {one.name!r} has a value that is not a text")
        if one.kind:
            yield one


def _grype(report: Mapping[str, Any]) -> Iterator[Affected]:
    for match in report["matches"]:
        known, package = match["vulnerability"], match["artifact"]
        fixed = (known.get("fix") or {}).get("versions") or ()
        kind = _KINDS.get(package["type"], "")
        severity = str(known.get("severity") or "").lower()
        yield Affected(known["id"], kind, package["name"], package["version"], severity, ", ".join(fixed))


def _trivy(report: Mapping[str, Any]) -> Iterator[Affected]:
    for result in report.get("Results") or ():
        for one in result.get("Vulnerabilities") or ():
            purl = (one.get("PkgIdentifier") or {}).get("PURL")
            kind = _parsed(purl)[0] if purl else _KINDS.get(result.get("Type", ""), "")
            named = one["VulnerabilityID"], kind, one["PkgName"], one["InstalledVersion"]
            yield Affected(*named, str(one.get("Severity") or "").lower(), one.get("FixedVersion") or "")


def _osv(report: Mapping[str, Any]) -> Iterator[Affected]:
    for result in report["results"]:
        for found in result.get("packages") or ():
            package = found["package"]
            # "Debian:12": an ecosystem with its release.
            kind = _KINDS.get(package["ecosystem"].partition(":")[0].lower(), "")
            for one in found.get("vulnerabilities") or ():
                severity = str((one.get("database_specific") or {}).get("severity") or "").lower()
                # GitHub's word for it.
                severity = "medium" if severity == "moderate" else severity
                yield Affected(one["id"], kind, package["name"], package["version"], severity, _osv_fixed(one, package))


def _osv_fixed(vulnerability: Mapping[str, Any], package: Mapping[str, Any]) -> str:
    events = (
        event
        for one in vulnerability.get("affected") or ()
        if (one.get("package") or {}).get("name") == package["name"]
        for spans in one.get("ranges") or ()
        if spans.get("type") != "GIT"
        for event in spans.get("events") or ()
    )
    return ", ".join(dict.fromkeys(event["fixed"] for event in events if "fixed" in event))


def _cyclone_dx(report: Mapping[str, Any]) -> Iterator[Affected]:
    purls = {one.get("bom-ref", ""): one.get("purl") or "" for one in report.get("components") or ()}
    for one in report["vulnerabilities"]:
        if (one.get("analysis") or {}).get("state") in _NO_MATTER:
            continue
        severity = next((rating["severity"] for rating in one.get("ratings") or () if "severity" in rating), "")
        for target in one.get("affects") or ():
            # In a VEX a reference leads into another document: "urn:cdx:<serial number>/<version>#<bom-ref>".
            reference = target["ref"].rpartition("#")[2] if target["ref"].startswith("urn:cdx:") else target["ref"]
            kind, name, version = _parsed(purls.get(reference) or unquote(reference))
            yield Affected(one["id"], kind, name, version, severity.lower())


def _parsed(purl: str) -> tuple[str, str, str]:
    """The kind, name and version of a package URL; of one of another kind, or of something else, nothing."""
    kind, _, rest = purl.partition("/")
    path, _, version = rest.partition("?")[0].partition("#")[0].partition("@")
    known = _KINDS.get(kind[4:], "") if kind.startswith("pkg:") else ""
    return known, unquote(path.rpartition("/")[2]), unquote(version)
