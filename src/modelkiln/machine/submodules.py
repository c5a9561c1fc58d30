"""Git submodules that are not checked out: empty folders where a clone without them has no files."""

import re
import shlex
from contextlib import suppress
from pathlib import Path

from modelkiln.errors import ModelkilnError

__all__ = ["check_submodules"]

# In `.gitmodules`, at a checkout's root (gitmodules(5)).
_PATH = re.compile(r'^\s*path\s*=\s*"?(.+?)"?\s*$', re.MULTILINE)


def check_submodules(path: Path, where: str) -> None:
    """Raise ModelkilnError where `path`, which may have patterns, lies in a submodule that is not checked out."""
    with suppress(OSError):
        folder = next(one for one in (path, *path.parents) if one.is_dir())
        if any(folder.iterdir()):
            return
        top = next((one for one in folder.parents if (one / ".gitmodules").is_file()), None)
        if top is None:
            return
        name = folder.relative_to(top).as_posix()
        if name in _PATH.findall((top / ".gitmodules").read_text("utf-8", "replace")):
            raise ModelkilnError(
                f"{where}: {name} is a git submodule that is not checked out. Check it out with "
                f"`git submodule update --init {shlex.quote(name)}`."
            )
