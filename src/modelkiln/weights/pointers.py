"""Files of a model artifact that are Git LFS pointers in the repository: each is its own lock.

A pointer is described by a JSON object with path (in the artifact), sha256 (hex), size (bytes) and
uri (`lfs:` and its path in the checkout).
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Iterable, Mapping, Optional, Sequence

from modelkiln.checks.lfs_pointer import POINTER_LIMIT, is_pointer, parse_pointer
from modelkiln.errors import ModelkilnError
from modelkiln.machine.git import Git
from modelkiln.pinned_file import PinnedFile
from modelkiln.sources.fetch import fetch_files
from modelkiln.store.store import Store

__all__ = ["committed_pointers", "fetch_pointers", "load_pointers"]

_GIT_SECONDS = 600  # A file that git does not know to be unchanged is hashed by it.


def load_pointers(path: Path) -> list[dict[str, Any]]:
    """Read a JSON list of pointers."""
    return json.loads(path.read_text("utf-8"))


def fetch_pointers(pointers: Iterable[Mapping[str, Any]], store: Store, where: str) -> None:
    """Put what pointers stand for into `store`, from the checkout's objects or its LFS server."""
    for one in pointers:
        if store.has(f"sha256:{one['sha256']}", one["size"]):
            continue
        try:
            fetch_files({"uri": one["uri"], "revision": ""}, [one], store, where)
        except ModelkilnError as error:
            raise ModelkilnError(f"{where}: {one['path']}: {error}") from None


def committed_pointers(paths: Sequence[str], checkout: Path, env: Mapping[str, str]) -> list[PinnedFile]:
    """Return the files of `checkout` whose bytes Git LFS has put in place of their pointers, empty ones included.

    paths: relative to the checkout. A file that git has no pointer of, or that was changed since it
    was checked out, is left out. Raises ModelkilnError for a broken pointer, and where git refuses the
    checkout of another user.
    """
    found, git = [], Git(checkout, env, str(checkout))
    git.check_owner()
    for path in paths:
        data = _git(("cat-file", "blob", f":./{path}"), checkout, env)
        if data is None or not (is_pointer(data[:POINTER_LIMIT]) or (not data and git.has_empty_lfs_file(path))):
            continue
        pointer = parse_pointer(data, path)
        is_same = os.path.getsize(checkout / path) == pointer.size
        if is_same and _git(("diff", "--quiet", "--", path), checkout, env) is not None:
            found.append(pointer)
    return found


def _git(arguments: Sequence[str], checkout: Path, env: Mapping[str, str]) -> Optional[bytes]:
    """What git prints; None where it fails."""
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=checkout,
            env={**env, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ModelkilnError(f"{checkout}: git cannot be run ({error}). Install it.") from None
    return done.stdout if done.returncode == 0 else None
