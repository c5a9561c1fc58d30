"""Which known vulnerabilities are in a package, by the reports of scanners.

No database is asked: a report says of a wheel or a Debian package, of one version, that it is affected, and a package
is when it has that.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

from modelkiln.document import parse_object, read_document
from modelkiln.ensemble.programs import wheels_by_environment
from modelkiln.errors import ModelkilnError, reason
from modelkiln.report.evidence.scanners import Affected, affected
from modelkiln.report.inputs import debian_packages

__all__ = ["Vulnerability", "changes", "read_scans", "vulnerabilities"]

_FORMS = "Give a report of Grype, Trivy or OSV-Scanner as JSON, or a CycloneDX document with vulnerabilities (VEX)."
# The worst first; what a scanner calls otherwise comes last.
_SEVERITIES = ("critical", "high", "medium", "low", "negligible", "info", "none")


@dataclass(frozen=True)
class Vulnerability:
    """One that a package has. kind: "wheel" or "debian", of which it has `name` in `version`. fixed: the versions that
    do not have it, as far as a scanner knows."""

    identifier: str
    severity: str
    kind: str
    name: str
    version: str
    fixed: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What is the same vulnerability, whatever the version."""
        return self.identifier, self.kind, self.name

    def to_json(self) -> dict[str, str]:
        """Return a JSON object with all fields."""
        named = {"id": self.identifier, "severity": self.severity, "kind": self.kind, "name": self.name}
        return {**named, "version": self.version, "fixed": self.fixed}


def read_scans(paths: Iterable[Path]) -> tuple[Affected, ...]:
    """Return what the reports in files say; raises ModelkilnError for what is not one."""
    found: list[Affected] = []
    for path in paths:
        try:
            found += affected(parse_object(read_document(path)))
        except OSError as error:
            raise ModelkilnError(f"{path}: cannot be read ({error.strerror}). {_FORMS}") from None
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            raise ModelkilnError(f"{path}: is not a report of vulnerabilities ({reason(error)}). {_FORMS}") from None
    return tuple(found)


def vulnerabilities(record: Mapping[str, Any], scans: Sequence[Affected]) -> list[Vulnerability]:
    """Return those of the wheels and Debian packages that a record lists, the worst first. record: of one variant,
    with the layers of its package."""
    wheels = [one for those in wheels_by_environment(record).values() for one in those]
    # Environments of one ensemble may have several versions.
    versions: dict[tuple[str, str], dict[str, str]] = {}
    for kind, those in (("wheel", wheels), ("debian", debian_packages(record))):
        for one in those:
            key = kind, normalized(kind, str(one["name"]))
            versions.setdefault(key, {})[str(one["version"])] = str(one["name"])
    found: dict[tuple[str, ...], Vulnerability] = {}
    for each in scans:
        for version, name in versions.get((each.kind, normalized(each.kind, each.name)), {}).items():
            if each.version in ("", version):
                known = Vulnerability(each.identifier, each.severity, each.kind, name, version, each.fixed)
                found.setdefault((*known.key, version), known)
    return sorted(found.values(), key=_order)


def changes(before: Iterable[Vulnerability], after: Iterable[Vulnerability]) -> dict[str, list[dict[str, str]]]:
    """Return which came, which went and which stayed, the worst first."""
    old, new = ({one.key: one for one in those} for those in (before, after))
    return {
        "came": [one.to_json() for key, one in new.items() if key not in old],
        "went": [one.to_json() for key, one in old.items() if key not in new],
        "stayed": [one.to_json() for key, one in new.items() if key in old],
    }


def normalized(kind: str, name: str) -> str:
    """Return a name as it is compared: of wheels as PyPA's specification has it."""
    from packaging.utils import canonicalize_name

    return canonicalize_name(name) if kind == "wheel" else name


def _order(one: Vulnerability) -> tuple[int, str, str, str, str]:
    place = _SEVERITIES.index(one.severity) if one.severity in _SEVERITIES else len(_SEVERITIES)
    return (place, *one.key, one.version)
