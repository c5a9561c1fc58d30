"""Words that this repository's prose avoids, with what its field says in their place."""

import re
from typing import Iterable

__all__ = ["problems"]

# Written so that this file passes, too.
_WORDS = re.compile(r"(?<![a-z])(t(?:old|ells?|elling)|m(?:end|ends|ended|ending)|who(?:ever))(?![a-z])", re.IGNORECASE)
_INSTEAD = {"t": "report, record, state or declare", "m": "fix or repair", "w": "the caller, or any consumer"}
# The method of Python's streams.
_STREAM = re.compile(r"\.t(?:ell)\(|def t(?:ell)\(self")


def problems(files: Iterable[tuple[str, str]]) -> list[str]:
    """Return a sentence for each such word in files, as (path, text)."""
    return [
        f"{path}:{number}: {match.group()!r}. Use the field's own word: {_INSTEAD[match.group()[0].lower()]}."
        for path, text in files
        for number, line in enumerate(text.splitlines(), 1)
        for match in _WORDS.finditer(_STREAM.sub("", line))
    ]
