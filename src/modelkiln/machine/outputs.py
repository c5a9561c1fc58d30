"""Outputs: files and folders that are whole, or as they were."""

import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from modelkiln.errors import ModelkilnError
from modelkiln.machine.part_folders import part_folder

__all__ = ["new_folder", "replacing", "write_file"]


@contextmanager
def replacing(output: Path) -> Iterator[Path]:
    """A path on which to make the file or folder that takes the place of `output` when the block ends without error.

    The folder of `output` is made where it is missing. What keeps `output` from being written is reported with its
    name and not with that of a temporary file: raises ModelkilnError.
    """
    part = None
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with part_folder(output) as part:
            made = part / "made"
            yield made
            made.chmod(0o755 if made.is_dir() else 0o644)
            os.replace(made, output)
    except OSError as error:
        if part is not None and not _is_about(error, part):
            raise
        raise ModelkilnError(
            f"{output}: cannot be written: {error.strerror or error}. Make its folder writable, with space on its "
            "disk, or name another output. Nothing was changed."
        ) from None


def _is_about(error: OSError, folder: Path) -> bool:
    """Whether writing below `folder` raised it: writing to an open file names no file, a network's errors no number."""
    if error.filename is None:
        return error.errno is not None
    return Path(os.fsdecode(error.filename)).is_relative_to(folder)


@contextmanager
def new_folder(output: Path) -> Iterator[Path]:
    """A new folder that becomes `output` when the block ends without error, see `replacing`.

    Raises ModelkilnError for an output that exists and is not an empty folder.
    """
    if os.path.lexists(output) and not (output.is_dir() and not any(output.iterdir())):
        raise ModelkilnError(f"{output}: exists. Remove it, or write to another folder.")
    with replacing(output) as made:
        made.mkdir()
        yield made


def write_file(path: Path, data: bytes) -> None:
    """Write a file, see `replacing`."""
    with replacing(path) as made:
        made.write_bytes(data)
