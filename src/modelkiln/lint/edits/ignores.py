"""Comments that ignore nothing, taken out."""

import re

from modelkiln.lint.edit import Edit
from modelkiln.lint.edits.script import Script
from modelkiln.lint.finding import Finding
from modelkiln.lint.subject import SourceFile

__all__ = ["UNUSED_RULE", "ignore_edits"]

UNUSED_RULE = "MK003"
_COMMENT = re.compile(r"[ \t]*#\s*modelkiln:\s*ignore\[([^\]]*)\][^\r\n#]*(?=[\r\n]|\Z)")
_MESSAGE = re.compile(r"ignore\[([^\]]*)\] ignores nothing")


def ignore_edits(script: Script, source: SourceFile, found: Finding) -> tuple[Edit, ...]:
    """Return what takes a comment out that names one rule, with its line where it stands alone on one."""
    line, message = script.text.line(found.line), _MESSAGE.match(found.message)
    start = script.text.place(found.line, 0)
    before = line[: found.column - 1]
    comment = _COMMENT.match(line, len(before.rstrip()))
    if message is None or comment is None or comment[1].strip() != message[1].strip():
        return ()
    if not before.strip():
        return (Edit(source.shown, start, start + len(line), ""),)
    return (Edit(source.shown, start + comment.start(), start + comment.end(), ""),)
