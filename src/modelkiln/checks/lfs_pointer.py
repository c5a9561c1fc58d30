"""Git LFS pointers: small texts in a repository that are locks of large files."""

import re

from modelkiln.errors import ModelkilnError
from modelkiln.pinned_file import EMPTY_SHA256, PinnedFile

__all__ = ["POINTER_LIMIT", "check", "is_pointer", "parse_pointer"]

# Git LFS specification, docs/spec.md, "The Pointer": less than 1024 bytes, the version first and the other keys
# in order. What git-lfs itself reads is more than what it writes (lfs/pointer.go, `DecodeFrom`): white space
# around, blank lines, CRLF, numbers with zeros before them, and two older names.
POINTER_LIMIT = 1024
_START = re.compile(rb"\s*version (?:https://(?:git-lfs|hawser)\.github\.com/spec/|http://git-media\.io/v/)")
_POINTER = re.compile(
    r"version (?:https://(?:git-lfs|hawser)\.github\.com/spec/v1|http://git-media\.io/v/2)\n"
    r"oid sha256:([0-9a-f]{64})\nsize \+?([0-9]{1,30})"
)
_MAX_SIZE = (1 << 63) - 1


def is_pointer(data: bytes) -> bool:
    """Whether `data`, all of a file, means to be a pointer; it may still be a broken one.

    An empty file is one for git-lfs too, of itself; its path shows it, not its content.
    """
    return len(data) < POINTER_LIMIT and bool(_START.match(data))


def parse_pointer(data: bytes, path: str, where: str = "") -> PinnedFile:
    """Return the file at `path` that a pointer stands for; nothing stands for the empty file.

    Raises ModelkilnError that names `where`, or else `path`, for anything but what Git LFS reads.

    Pointers with extensions (`ext-0-...`) are refused: their sha256 is not that of the file as it
    is checked out.
    """
    if not data:
        return PinnedFile(path, EMPTY_SHA256, 0)
    lines = data.decode(errors="replace").strip().replace("\r\n", "\n").split("\n")
    match = _POINTER.fullmatch("\n".join(filter(None, lines)))
    sha256, size = (match.group(1), int(match.group(2))) if match else ("", 0)
    if len(data) >= POINTER_LIMIT or not match or size > _MAX_SIZE or (size == 0) != (sha256 == EMPTY_SHA256):
        wrong = "names an extension of Git LFS, which cannot be undone here" if b"\next-" in data else "is broken"
        raise ModelkilnError(
            f"{where or path}: is a Git LFS pointer that {wrong}. Fetch the file with `git lfs pull`, or commit it "
            "again."
        )
    return PinnedFile(path, sha256, size)


def check(data: bytes, path: str, where: str) -> None:
    """Refuse a pointer among the files of an artifact: it is where the model should be."""
    if is_pointer(data):
        raise ModelkilnError(
            f"{where}: {path}: is a Git LFS pointer, not the file that it stands for. Fetch the file with "
            "`git lfs pull`, or name the pointer as the source, `lfs:PATH`."
        )
