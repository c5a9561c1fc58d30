"""Which repositories of a registry hold a blob, as far as this machine knows.

A registry does not say. What was published from here is remembered next to the store, one small
file for each registry; it is a hint and no more: a registry that no longer has the blob says so.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Iterable, Optional
from urllib.parse import quote

from modelkiln.errors import ModelkilnError
from modelkiln.machine.outputs import write_file

__all__ = ["KnownBlobs"]

# Digests remembered for one registry, the newest; a line has about 110 bytes.
_MOST = 20_000
_REPOSITORIES = 3


class KnownBlobs:
    """store_root: the store's folder; None remembers nothing. registry: host, with its port."""

    def __init__(self, store_root: Optional[Path], registry: str) -> None:
        self._path = store_root / "published" / f"{quote(registry, safe='')}.json" if store_root else None
        self._known = self._load()

    def _load(self) -> dict[str, list[str]]:
        with suppress(OSError, ValueError):
            known = json.loads(self._path.read_text("utf-8")) if self._path else {}
            if isinstance(known, dict):
                return known
        return {}

    def repositories(self, digest: str) -> list[str]:
        """Return the repositories that had the blob, the newest first."""
        return list(self._known.get(digest, ()))

    def remember(self, digests: Iterable[str], repository: str) -> None:
        """Note that `repository` has the blobs; of two publishers at a time one may be forgotten."""
        if self._path is None:
            return
        known, before = self._load(), json.dumps(self._known)
        for digest in digests:
            others = [name for name in known.pop(digest, ()) if name != repository]
            known[digest] = [repository, *others][:_REPOSITORIES]
        known = dict(list(known.items())[-_MOST:])
        if json.dumps(known) == before:
            return
        # Without it publishing only takes longer: a full or read-only disk is not a reason to fail.
        with suppress(ModelkilnError):
            write_file(self._path, json.dumps(known).encode())
