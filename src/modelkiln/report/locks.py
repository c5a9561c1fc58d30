"""How old the locks of packages are: the days on which they were last committed."""

from pathlib import Path
from typing import Iterable, Mapping

from modelkiln.machine.git import Git

__all__ = ["lock_days"]


def lock_days(root: Path, paths: Iterable[str], env: Mapping[str, str]) -> dict[str, str]:
    """Return the day ("2026-11-30") on which each lock was last committed; "" where it never was.

    root: of the repository, to which the paths are relative. env: with PATH, where git is. Raises ModelkilnError
    where git cannot be run.
    """
    git = Git(root, env, "report")
    return {path: git.run("log", "-1", "--format=%cs", "--", path) for path in sorted(set(paths))}
