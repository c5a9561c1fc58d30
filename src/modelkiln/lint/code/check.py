"""All rules that look at code."""

from typing import Iterator

from modelkiln.lint.code.dynamic import check_dynamic
from modelkiln.lint.code.evaluation import Evaluation
from modelkiln.lint.code.execution import check_execution
from modelkiln.lint.code.loading import check_loading
from modelkiln.lint.code.paths import check_paths
from modelkiln.lint.code.places import Places
from modelkiln.lint.code.program import read_program
from modelkiln.lint.code.settings import check_settings
from modelkiln.lint.finding import Finding
from modelkiln.lint.subject import Subject

__all__ = ["check"]

# Settings come last: what the others have followed is found where it is used.
_CHECKS = (check_paths, check_dynamic, check_execution, check_loading, check_settings)


def check(subject: Subject) -> Iterator[Finding]:
    """Find what the code of a package does that it should not."""
    program, unreadable = read_program(subject)
    yield from unreadable
    evaluation, places = Evaluation(program), Places(program.modules)
    for one in _CHECKS:
        yield from one(program, evaluation, places)
