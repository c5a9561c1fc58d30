"""All rules on one subject."""

from collections import defaultdict
from dataclasses import replace
from typing import Iterable, Sequence

from modelkiln.lint.edits.suggestions import with_edits
from modelkiln.lint.finding import Finding
from modelkiln.lint.ignores import apply_ignores
from modelkiln.lint.registry import checks, rule_of
from modelkiln.lint.selection import EVERYTHING, Selection
from modelkiln.lint.subject import Subject

__all__ = ["lint", "lint_all"]


def lint(subject: Subject, selection: Selection = EVERYTHING) -> tuple[Finding, ...]:
    """Return what the rules of `selection` find in a subject, without what its comments ignore, in the order of
    paths and lines."""
    by_path: dict[str, list[Finding]] = defaultdict(list)
    for check in checks():
        for finding in check(subject):
            if selection.has(finding.rule):
                by_path[finding.path].append(finding)
    for source in subject.sources:
        left = apply_ignores(source, by_path[source.shown], selection.has)
        by_path[source.shown] = [one for one in left if selection.has(one.rule)]
    distinct = _distinct(_without_secrets([one for found in by_path.values() for one in found]))
    return tuple(with_edits(subject, distinct))


def _without_secrets(found: Sequence[Finding]) -> list[Finding]:
    """With the text of a line as the rules of secrets show it, whatever else is found there."""
    shown = {(one.path, one.line): one.text for one in found if one.line and rule_of(one.rule).category == "secrets"}
    return [replace(one, text=shown.get((one.path, one.line), one.text)) for one in found]


def lint_all(subjects: Iterable[tuple[Subject, Selection]]) -> dict[str, tuple[Finding, ...]]:
    """Return what is found in each subject by its name. What several share, a module or an artifact, is reported
    with the first of them."""
    seen: set[Finding] = set()
    found = {}
    for subject, selection in subjects:
        of_subject = lint(subject, selection)
        found[subject.name] = tuple(one for one in of_subject if not one.path or one not in seen)
        seen.update(of_subject)
    return found


def _distinct(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """In their order, one of each rule at a place: the one that was found first."""
    kept: dict[tuple, Finding] = {}
    for one in found:
        kept.setdefault((one.path, one.line, one.column, one.rule, one.message if not one.line else ""), one)
    return tuple(sorted(kept.values()))
