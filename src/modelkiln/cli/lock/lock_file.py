"""Writing lock files into the checkout."""

import os
from pathlib import Path

from modelkiln.machine.outputs import replacing
from modelkiln.store.store import sync_folder

__all__ = ["write_lock"]


def write_lock(path: Path, text: str) -> None:
    """Write the whole lock, which outlives a power cut, or leave the old one; raises ModelkilnError."""
    with replacing(path) as made, made.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    sync_folder(path.parent)
