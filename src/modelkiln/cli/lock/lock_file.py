"""Writing lock files into the checkout."""

import os
import tempfile
from pathlib import Path

from modelkiln.errors import ModelkilnError
from modelkiln.store.store import sync_folder

__all__ = ["write_lock"]


def write_lock(path: Path, text: str) -> None:
    """Write the whole lock or leave the old one; raises ModelkilnError when it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise ModelkilnError(f"{path}: {error.strerror}. Fix it and lock again.") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
        sync_folder(path.parent)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise ModelkilnError(f"{path}: {error.strerror}. The lock that was there is unchanged.") from None
