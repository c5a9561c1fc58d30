"""Patterns that choose files of a model artifact by their paths."""

import re
from functools import lru_cache
from typing import Iterable

from modelkiln.errors import ModelkilnError
from modelkiln.wording import counted

__all__ = ["has_pattern", "matches", "select"]


def has_pattern(text: str) -> bool:
    """Whether `text` is a pattern and not a plain path."""
    return any(character in text for character in "*?[")


def matches(path: str, pattern: str) -> bool:
    """Whether `path` (relative, clean) is chosen by `pattern`.

    `*` and `?` stand for characters other than `/`, `**` for any folders, `[ab]` for one of a set.
    A pattern without `/` (but at its end) is compared with names in any folder, one with `/` with the
    whole path; a leading `/` says that it is the whole path. One that names a folder chooses all
    files below it.
    """
    return _compiled(pattern).fullmatch(path) is not None


def select(paths: Iterable[str], include: Iterable[str], exclude: Iterable[str], where: str) -> list[str]:
    """Return the sorted `paths` that some pattern of `include` (none: all) and none of `exclude` chooses.

    Raises ModelkilnError for a pattern of `include` that chooses nothing: it was misspelt, or what
    it meant is gone.
    """
    found = sorted(paths)
    include = list(include)
    for pattern in include:
        if not any(matches(path, pattern) for path in found):
            raise ModelkilnError(
                f"{where}: the pattern {pattern!r} matches none of {counted(len(found), 'file')}"
                f"{_examples(found)}. Correct it, or leave it out."
            )
    chosen = [path for path in found if not include or any(matches(path, pattern) for pattern in include)]
    excluded = list(exclude)
    return [path for path in chosen if not any(matches(path, pattern) for pattern in excluded)]


def _examples(paths: list[str]) -> str:
    return f" ({', '.join(paths[:5])}{', ...' if len(paths) > 5 else ''})" if paths else ""


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> "re.Pattern[str]":
    text = pattern[:-1] if pattern.endswith("/") else pattern
    if text.startswith("./"):
        text = text[1:]
    anchored = "/" in text
    text = text.lstrip("/")
    found = "" if anchored else "(?:.*/)?"
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        assert token is not None  # Its last alternative takes anything.
        found += _TRANSLATED.get(token[0]) or _set_of(token[0])
        position = token.end()
    # "(?s:": a file's name may hold a line break.
    return re.compile(f"(?s:{found}(?:/.*)?)")


_TOKEN = re.compile(r"(?s)/\*\*/|/\*\*\Z|\*\*/|\*\*|\*|\?|\[[^\]]+\]|.")
_TRANSLATED = {
    "/**/": "/(?:.*/)?",
    "/**": "/.*",
    "**/": "(?:.*/)?",
    "**": ".*",
    "*": "[^/]*",
    "?": "[^/]",
}


def _set_of(token: str) -> str:
    if len(token) == 1:
        return re.escape(token)
    inner = token[1:-1]
    negated = inner[0] in "!^" and len(inner) > 1
    body = "".join(c if c == "-" else re.escape(c) for c in (inner[1:] if negated else inner))
    try:
        re.compile(f"[{body}]")
    except re.error:
        raise ModelkilnError(f"pattern: {token!r} is not a set of characters, such as [a-z].") from None
    return f"(?!/)[{'^' if negated else ''}{body}]"
