"""Executable files that were made on the store's file system, and where they go."""

import os
import shutil
from pathlib import Path

from modelkiln.digest import sha256_stream
from modelkiln.store.store import Store

__all__ = ["link_or_copy", "place_program", "store_program"]


def place_program(made: Path, output: Path) -> None:
    """Move `made` to `output`, which is never half there."""
    partial = output.with_name(output.name + ".partial")
    shutil.move(str(made), str(partial))
    os.replace(partial, output)


def store_program(made: Path, store: Store) -> tuple[str, int]:
    """Make `made` a blob of `store` that can be started through a link; returns digest and size."""
    with made.open("rb") as stream:
        digest, size = sha256_stream(stream)
        os.fsync(stream.fileno())
    store.adopt(str(made), digest)
    store.path(digest).chmod(0o555)
    return digest, size


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name; on a file system without hard links, make a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
