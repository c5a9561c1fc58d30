"""What a page is to say besides what packages say of themselves."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Iterable, Optional

from modelkiln.document import read_document
from modelkiln.errors import ModelkilnError, reason
from modelkiln.report.evidence.scanners import Affected
from modelkiln.smoke.junit import TestCase, read_junit

if TYPE_CHECKING:
    from modelkiln.attestation.policy import Policy

__all__ = ["Evidence", "read_tests"]


@dataclass(frozen=True)
class Evidence:
    """scans: what scanners found; None where none was asked. tests: how smoke tests ended. policy: whose signatures
    count. repository: "registry/name" that layouts are for."""

    scans: Optional[tuple[Affected, ...]] = None
    tests: tuple[TestCase, ...] = ()
    policy: "Optional[Policy]" = None
    repository: str = ""


def read_tests(paths: Iterable[Path]) -> tuple[TestCase, ...]:
    """Return the smoke tests of JUnit's files, and of all in folders, by their names; raises ModelkilnError."""
    found: list[TestCase] = []
    for path in paths:
        files = sorted(path.rglob("*.xml")) if path.is_dir() else [path]
        if not files:
            raise ModelkilnError(f"{path}: holds no reports of tests (*.xml). `pants test --test-report` writes them.")
        for file in files:
            try:
                found += read_junit(read_document(file), str(file))
            except (OSError, ValueError) as error:
                raise ModelkilnError(f"{file}: cannot be read ({reason(error)}). Give JUnit XML.") from None
    return tuple(sorted(set(found), key=lambda one: (one.name, one.package_digest, one.result, one.seconds or 0)))
