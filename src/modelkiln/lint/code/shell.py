"""MK203 and MK204 in scripts of a shell that lie beside code: what they install and fetch."""

import posixpath
import re
from typing import Iterator

from modelkiln.lint.catalogue.dynamic import INSTALL, NETWORK
from modelkiln.lint.code.execution import FETCHES, INSTALLS
from modelkiln.lint.code.places import cut, quoted
from modelkiln.lint.finding import LIKELY, Finding
from modelkiln.lint.subject import SourceFile, Subject

__all__ = ["check"]

_SHEBANG = re.compile(rb"#!\s*/\S*(?:/env\s+(?:-S\s+)?)?(?:ba|da|k|z)?sh\b")
_COMMENT = re.compile(r"(^|\s)#.*")
_MAX_LINE = 400


def check(subject: Subject) -> Iterator[Finding]:
    """Find lines that install or fetch. Nothing says that the script is run, and when: it is likely."""
    for source in subject.sources:
        if _is_shell(source):
            yield from _lines(source)


def _is_shell(source: SourceFile) -> bool:
    return posixpath.splitext(source.path)[1] in (".sh", ".bash") or _SHEBANG.match(source.content) is not None


def _lines(source: SourceFile) -> Iterator[Finding]:
    for number, line in enumerate(source.content.decode("utf-8", "replace").splitlines(), 1):
        command = _COMMENT.sub("", line).strip()[:_MAX_LINE]
        rule = INSTALL if INSTALLS.search(command) else NETWORK if FETCHES.search(command) else None
        if rule:
            message, column = f"the script runs {quoted(cut(command))}", len(line) - len(line.lstrip()) + 1
            text = line[:_MAX_LINE]
            yield rule.finding(source.shown, message, line=number, column=column, text=text, certainty=LIKELY)
