"""Which files of a model artifact share a layer.

Large files are alone in theirs. Smaller ones are cut, in the order of their paths, into groups;
whether a group ends after a file depends on that file's path and size alone. So layers do not
depend on the order in which files were found, and a file that is changed, added or removed
changes its own layer, and the next one at most when it moves a cut.
"""

import hashlib
from typing import Iterable, Sequence

__all__ = ["ALONE_BYTES", "group_files"]

# A file of this many bytes is alone in its layer.
ALONE_BYTES = 64 << 20
# Small files share layers of about this many bytes: fewer would cost a request each at every pull,
# more would be sent again for the sake of one small file.
_GROUP_BYTES = 128 << 20
_MOST_BYTES = 4 * _GROUP_BYTES
# overlayfs and container engines take about 125 layers in an image, and the base, the wheels and the
# code need some of them.
_MOST_LAYERS = 96


def group_files(files: Iterable[tuple[str, int]]) -> list[list[str]]:
    """Return the paths of each layer for files of (path, size in bytes), sorted by first path.

    Where that would be too many layers for an image, all limits are doubled until it is not.
    """
    ordered = sorted(files)
    factor = 1
    while True:
        groups = _group(ordered, factor)
        if len(groups) <= _MOST_LAYERS:
            return groups
        factor *= 2


def _group(files: Sequence[tuple[str, int]], factor: int) -> list[list[str]]:
    groups: list[list[str]] = []
    open_group: list[str] = []
    held = 0
    for path, size in files:
        if size >= ALONE_BYTES * factor:
            groups.append([path])
            continue
        if open_group and held + size > _MOST_BYTES * factor:
            open_group, held = [], 0
        if not open_group:
            groups.append(open_group)
        open_group.append(path)
        held += size
        if _ends_group(path, size, _GROUP_BYTES * factor):
            open_group, held = [], 0
    return sorted(groups)


def _ends_group(path: str, size: int, wanted: int) -> bool:
    # A number between 0 and 1 that the path decides; groups come to `wanted` bytes on average.
    number = int.from_bytes(hashlib.sha256(path.encode("utf-8")).digest()[:8], "big") / 2**64
    return number < size / wanted
