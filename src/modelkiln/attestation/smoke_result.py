"""What was tested of a package, and how that ended: an in-toto statement.

Specification: in-toto attestation framework, spec/predicates/test-result.md, v0.1.
"""

from typing import Iterable

from modelkiln.attestation.statement import Statement, Subject

__all__ = ["TEST_RESULT", "passed_tests"]

TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"


def passed_tests(subjects: Iterable[Subject], names: Iterable[str], configuration: Iterable[Subject]) -> Statement:
    """Return the statement that tests of these names passed on the subjects.

    configuration: the files that say what was asked and what was expected.
    """
    predicate = {
        "result": "PASSED",
        "configuration": [one.to_json() for one in sorted(set(configuration), key=lambda one: (one.name, one.digest))],
        "passedTests": sorted(names),
    }
    return Statement.of(tuple(subjects), TEST_RESULT, predicate)
