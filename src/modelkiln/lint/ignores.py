"""`# modelkiln: ignore[MK203] reason`: comments that take a finding of their line back.

Rules are named there as in a Selection.
"""

import io
import re
import tokenize
from dataclasses import dataclass
from typing import Any, Iterable, Sequence

from modelkiln.lint.catalogue.general import IGNORES_NOTHING, NO_REASON
from modelkiln.lint.finding import Finding
from modelkiln.lint.selection import rules_of
from modelkiln.lint.subject import SourceFile

__all__ = ["apply_ignores"]

_MARK = b"modelkiln:"
_NAMES = "Name a rule as MK203, MK2 or dynamic, the category; `modelkiln lint --list` lists all."
_COMMENT = re.compile(r"#\s*modelkiln:\s*ignore\[([^\]]*)\]\s*(.*)")


@dataclass(frozen=True)
class _Ignore:
    """names: of rules. lines: the first and last that it stands for, of a statement over several lines all of them."""

    line: int
    column: int
    names: tuple[str, ...]
    reason: str
    text: str
    lines: tuple[int, int]


def apply_ignores(source: SourceFile, found: Sequence[Finding], is_selected=lambda rule: True) -> list[Finding]:
    """Return what is left of the findings of one file, with those about its ignores.

    A comment at the end of a line stands for the whole statement, and one on a line of its own for the next line.
    is_selected: whether the rule of an id is looked for at all; an ignore of one that is not may find nothing.
    """
    if _MARK not in source.content:
        return list(found)
    ignores = list(_ignores_of(source.content))
    used = set()
    left = []
    for finding in found:
        matching = [
            (number, name)
            for number, one in enumerate(ignores)
            for name in one.names
            if finding.rule in rules_of(name) and one.lines[0] <= finding.line <= one.lines[1]
        ]
        used.update(matching)
        if not any(ignores[number].reason for number, _ in matching):
            left.append(finding)
    for number, one in enumerate(ignores):
        place: dict[str, Any] = {"line": one.line, "column": one.column, "text": one.text}
        if not one.reason:
            left.append(NO_REASON.finding(source.shown, f"ignore[{', '.join(one.names)}] has no reason", **place))
        for name in one.names or ("",):
            rules = rules_of(name)
            if not rules:
                message = f"ignore[{name}] ignores nothing: it names no rule"
                left.append(IGNORES_NOTHING.finding(source.shown, message, remedy=_NAMES, **place))
            elif (number, name) not in used and all(map(is_selected, rules)):
                left.append(IGNORES_NOTHING.finding(source.shown, f"ignore[{name}] ignores nothing", **place))
    return left


def _ignores_of(content: bytes) -> Iterable[_Ignore]:
    """Comments of the file as far as it can be read."""
    start, after_comment = 0, []
    try:
        for token in tokenize.tokenize(io.BytesIO(content).readline):
            if token.type == tokenize.COMMENT:
                match = _COMMENT.match(token.string)
                if match:
                    after_comment.append((token, match, not token.line[: token.start[1]].strip()))
            elif token.type == tokenize.NEWLINE:
                for comment, match, is_alone in after_comment:
                    yield _ignore(comment, match, (start, token.start[0]), is_alone)
                start, after_comment = 0, []
            elif not start and token.type not in _BLANK:
                start = token.start[0]
    except (tokenize.TokenError, SyntaxError):
        pass
    for comment, match, _ in after_comment:
        yield _ignore(comment, match, (0, 0), True)


_BLANK = frozenset(
    (tokenize.ENCODING, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT, tokenize.ENDMARKER)
)


def _ignore(token: tokenize.TokenInfo, match: "re.Match[str]", statement: tuple, is_alone: bool) -> _Ignore:
    line = token.start[0]
    names = tuple(dict.fromkeys(filter(None, (name.strip() for name in match[1].split(",")))))
    # On a line of its own before a statement it stands for that, and inside of one for the next line.
    lines = (line, line + 1) if is_alone and statement[0] and statement[0] < line else statement
    return _Ignore(line, token.start[1] + 1, names, match[2].strip(), token.line.rstrip("\n"), lines)
