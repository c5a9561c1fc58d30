"""Git LFS pointers: small texts in a repository that are locks of large files."""

import re

from modelkiln.errors import ModelkilnError
from modelkiln.pinned_file import PinnedFile

__all__ = ["POINTER_LIMIT", "is_pointer", "parse_pointer"]

# Git LFS specification, docs/spec.md, "The Pointer": UTF-8, less than 1024 bytes, the version first and
# the other keys in order. Hawser was its name before.
POINTER_LIMIT = 1024
_START = re.compile(rb"version https://(?:git-lfs|hawser)\.github\.com/spec/")
_POINTER = re.compile(
    rb"version https://(?:git-lfs|hawser)\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize ([1-9][0-9]{0,18})\n"
)


def is_pointer(data: bytes) -> bool:
    """Whether `data`, all of a file, means to be a pointer; it may still be a broken one."""
    return len(data) < POINTER_LIMIT and bool(_START.match(data))


def parse_pointer(data: bytes, path: str, where: str = "") -> PinnedFile:
    """Return the file at `path` that a pointer stands for.

    Raises ModelkilnError that names `where`, or else `path`, for anything but what Git LFS writes.

    Pointers with extensions (`ext-0-...`) are refused: their sha256 is not that of the file as it
    is checked out.
    """
    match = _POINTER.fullmatch(data)
    if len(data) >= POINTER_LIMIT or not match:
        wrong = "names an extension of Git LFS, which cannot be undone here" if b"\next-" in data else "is broken"
        raise ModelkilnError(
            f"{where or path}: is a Git LFS pointer that {wrong}. Fetch the file with `git lfs pull`, or commit it "
            "again."
        )
    return PinnedFile(path, match.group(1).decode(), int(match.group(2)))
