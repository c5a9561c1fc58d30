"""Answers that took long, kept next to the blobs of a store: a key is the digest of the question.

An answer may be lost or damaged at any time: the caller checks what it states, and can find the
answer again.
"""

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Optional

from modelkiln.canonical import canonical_json
from modelkiln.store.store import Store

__all__ = ["ResultCache"]


class ResultCache:
    """Answers to one kind of question, in the folder `<store>/<kind>`."""

    def __init__(self, store: Store, kind: str) -> None:
        self._store, self._folder = store, store.root / kind

    def _path(self, question: Any) -> Path:
        return self._folder / f"{hashlib.sha256(canonical_json(question)).hexdigest()}.json"

    def get(self, question: Any) -> Optional[dict]:
        """Return the answer to `question` (a JSON value), or None when there is no whole one."""
        path = self._path(question)
        with suppress(OSError):
            os.utime(path)  # It is used now, see `store.caches`.
        try:
            answer = json.loads(path.read_bytes())
        except (OSError, ValueError):
            return None
        return answer if isinstance(answer, dict) else None

    def put(self, question: Any, answer: dict) -> None:
        """Keep `answer`; renamed when it is written, so that no reader sees half of it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        incoming, prefix = self._store.temporary_location("incoming")
        descriptor, name = tempfile.mkstemp(dir=incoming, prefix=prefix)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(canonical_json(answer))
            os.replace(name, self._path(question))
        except OSError:
            # A full disk is reported by the next step that needs room; an answer need not be kept.
            Path(name).unlink(missing_ok=True)
