"""From findings to edits: of a finding that is sure, what makes it go away, where that can be stated exactly."""

from dataclasses import replace
from typing import Iterable, Iterator, Mapping

from modelkiln.lint.edit import Edit
from modelkiln.lint.edits.ignores import UNUSED_RULE, ignore_edits
from modelkiln.lint.edits.model_paths import (
    HUB_RULE,
    PATH_RULES,
    REVISION_RULE,
    hub_edits,
    path_edits,
    revision_edits,
)
from modelkiln.lint.edits.script import script_of
from modelkiln.lint.finding import SURE, Finding
from modelkiln.lint.subject import SourceFile, Subject

__all__ = ["EDITABLE", "with_edits"]

EDITABLE = frozenset((UNUSED_RULE, *PATH_RULES, HUB_RULE, REVISION_RULE))


def with_edits(subject: Subject, found: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings with their edits, in their order."""
    sources = {source.shown: source for source in subject.sources}
    listed = list(found)
    # Of a name on a hub that becomes a path no revision is left to name.
    edited = {(one.path, one.line, one.column): _edits(subject, one, sources) for one in listed if one.rule == HUB_RULE}
    for one in listed:
        is_done = one.rule == REVISION_RULE and edited.get((one.path, one.line, one.column))
        edits = () if is_done else _edits(subject, one, sources)
        yield replace(one, edits=edits) if edits else one


def _edits(subject: Subject, found: Finding, sources: Mapping[str, SourceFile]) -> tuple[Edit, ...]:
    source = sources.get(found.path)
    if found.rule not in EDITABLE or found.certainty != SURE or not found.line or source is None:
        return ()
    script = script_of(source)
    if script is None or found.line > script.text.lines:
        return ()
    if found.rule == UNUSED_RULE:
        return ignore_edits(script, source, found)
    if found.rule in PATH_RULES:
        return path_edits(script, source, subject, found)
    return (hub_edits if found.rule == HUB_RULE else revision_edits)(script, source, subject, found)
