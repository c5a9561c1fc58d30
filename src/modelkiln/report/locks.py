"""How old the locks of packages are: the days on which they were last committed."""

from pathlib import Path
from typing import Iterable, Mapping

from modelkiln.errors import ModelkilnError
from modelkiln.machine.git import Git

__all__ = ["lock_days"]


def lock_days(root: Path, paths: Iterable[str], env: Mapping[str, str]) -> dict[str, str]:
    """Return the day ("2026-11-30") on which each lock was last committed; "" where it never was, and "unknown" on a
    machine without git.

    root: of the repository, to which the paths are relative. env: with PATH, where git is.
    """
    git, wanted = Git(root, env, "report"), sorted(set(paths))
    try:
        return {path: git.run("log", "-1", "--format=%cs", "--", path) for path in wanted}
    except ModelkilnError:
        return dict.fromkeys(wanted, "unknown")
