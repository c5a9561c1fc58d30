"""The lock of what sdists are built with: one for all of a resolve, or a part for each of them.

Sdists that want versions which exclude each other have a part each: a line `[name]`, then a lock as
`manifest.lock` reads it, up to the next such line.
"""

import re
from typing import Mapping

from modelkiln.errors import ModelkilnError

__all__ = ["join_parts", "part_of", "split_parts"]

_HEADING = re.compile(r"^\[([a-z0-9-]+)\]\s*$", re.MULTILINE)
_NOTE = "# They want versions that exclude each other, so that each has a part of its own.\n"


def split_parts(text: str) -> dict[str, str]:
    """Return the parts of a lock's text by their sdist's name; of one that serves all, it alone by ""."""
    pieces = _HEADING.split(text)
    return dict(zip(pieces[1::2], pieces[2::2])) if len(pieces) > 1 else {"": text}


def join_parts(parts: Mapping[str, str]) -> str:
    """Return the text of a lock with these parts."""
    if set(parts) == {""}:
        return parts[""]
    return _NOTE + "".join(f"\n[{name}]\n{parts[name].strip()}\n" for name in sorted(parts))


def part_of(text: str, name: str, where: str, remedy: str) -> str:
    """Return the lock that serves the sdist of the package `name`.

    where: the file, for messages. remedy: the command that writes it.
    """
    parts = split_parts(text)
    found = parts.get("", parts.get(name))
    if found is None:
        raise ModelkilnError(
            f"{where}: records what {', '.join(sorted(parts))} can be built with, and lacks {name}. Lock it again "
            f"with {remedy}."
        )
    return found
