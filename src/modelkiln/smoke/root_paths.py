"""Paths of an image below the folder that it is unpacked in, where links lead as they would in the image."""

import errno
import os
from pathlib import Path
from typing import Callable, Iterable

__all__ = ["follow"]

_MAX_LINKS = 40  # Linux gives up after as many (path_resolution(7)).


def follow(root: Path, parts: Iterable[str], visit: Callable[[Path], object]) -> Path:
    """Return where `parts` lead to, with all links followed inside `root`.

    visit: gets each path on the way that is not a link, before what lies below it is looked for. Raises OSError
    (ELOOP), whose `filename` is the link, where links go in circles.
    """
    todo, here, links = list(parts)[::-1], root, 0
    while todo:
        part = todo.pop()
        if part in ("", "."):
            continue
        if part == "..":
            here = here.parent if here != root else root
            continue
        path = here / part
        if path.is_symlink():
            links += 1
            if links > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            target = os.readlink(path)
            here = root if target.startswith("/") else here
            todo += target.split("/")[::-1]
            continue
        visit(path)
        here = path
    return here
