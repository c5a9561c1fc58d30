"""Findings as people read them, with the line of code."""

import textwrap
from typing import Sequence

from modelkiln.lint.edit import Edit
from modelkiln.lint.finding import LIKELY, Finding
from modelkiln.lint.registry import rule_of
from modelkiln.lint.rule import Rule
from modelkiln.wording import counted, one_line

__all__ = ["explained", "listed", "shown", "summary"]

# Of a line of code, so much is shown: generated ones have no end.
_LONGEST = 160
_WIDTH = 100


def shown(findings: Sequence[Finding], name: str) -> str:
    """Return the findings of a subject, whose `name` stands where a finding has no path; "" for none."""
    return "\n".join(_finding(one, name) for one in findings)


def _finding(one: Finding, name: str) -> str:
    where = one.path or name
    place = f":{one.line}:{one.column}" if one.line and one.column else f":{one.line}" if one.line else ""
    likely = ", likely" if one.certainty == LIKELY else ""
    head = f"{where}{place}: {one.severity}{likely}: {one.rule} {rule_of(one.rule).name}: {one.message}"
    lines = [one_line(head)]
    if one.text:
        lines += _source(one)
    lines += [f"    {one_line(one.remedy)}"]
    lines += [f"    {one_line(_edit(edit))}" for edit in one.edits]
    return "\n".join(lines)


def _edit(edit: Edit) -> str:
    if not edit.replacement:
        return "Delete it."
    return f"{'Add' if edit.start == edit.end else 'In its place'}: {edit.replacement.strip(', ')}"


def _source(one: Finding) -> list[str]:
    text = one_line(one.text.replace("\t", " "))
    stripped = text.lstrip()
    column = max(0, one.column - 1 - (len(text) - len(stripped)))
    if column > _LONGEST - 20:
        stripped, column = "..." + stripped[column - 40 :], 43
    cut = stripped if len(stripped) <= _LONGEST else stripped[: _LONGEST - 3] + "..."
    return [f"    | {cut}", *([f"    | {' ' * column}^"] if one.column else [])]


def summary(findings: Sequence[Finding]) -> str:
    """Return how much was found, and where to read more."""
    errors = sum(one.is_error for one in findings)
    found = f"{counted(errors, 'error')}, {counted(len(findings) - errors, 'warning')}."
    if not findings:
        return found
    return f"{found} `modelkiln lint --explain {findings[0].rule}` explains a rule."


def listed(rules: Sequence[Rule]) -> str:
    """Return a line for each rule."""
    return "\n".join(f"{one.id}  {one.category:<12}{one.severity:<9}{one.name}: {one.summary}" for one in rules)


def explained(rule: Rule) -> str:
    """Return all that there is to say about a rule."""
    fill = textwrap.TextWrapper(_WIDTH, break_long_words=False, break_on_hyphens=False).fill
    parts = [
        f"{rule.id} {rule.name} ({rule.category}, {rule.severity})",
        fill(rule.summary),
        fill(rule.why),
        fill(f"Instead: {rule.remedy}"),
        f"Found:\n\n{textwrap.indent(rule.bad.rstrip(), '    ')}",
        f"Not found:\n\n{textwrap.indent(rule.good.rstrip(), '    ')}",
    ]
    return "\n\n".join(parts)
