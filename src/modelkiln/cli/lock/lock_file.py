"""Writing lock files into the checkout."""

import os
from contextlib import ExitStack
from pathlib import Path

from modelkiln.errors import ModelkilnError
from modelkiln.machine.part_folders import part_folder
from modelkiln.store.store import sync_folder

__all__ = ["write_lock"]


def write_lock(path: Path, text: str) -> None:
    """Write the whole lock or leave the old one; raises ModelkilnError when it cannot be written."""
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            made = stack.enter_context(part_folder(path)) / "made"
        except OSError as error:
            raise ModelkilnError(f"{path}: {error.strerror}. Fix it and lock again.") from None
        try:
            with made.open("w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            made.chmod(0o644)
            os.replace(made, path)
            sync_folder(path.parent)
        except OSError as error:
            raise ModelkilnError(f"{path}: {error.strerror}. The lock that was there is unchanged.") from None
