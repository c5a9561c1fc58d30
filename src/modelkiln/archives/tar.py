"""The one deterministic tar writer.

A tar written here is a function of its entries: PAX headers only where ustar cannot say it,
entries sorted by path, every parent directory present, modification time 0, owner 0:0, modes
0644 and 0755. Paths and links that could leave the tree are refused, never repaired.
"""

import functools
import io
import tarfile
from dataclasses import dataclass, field
from typing import BinaryIO, Callable, Iterable, Optional

from modelkiln.digest import iter_chunks
from modelkiln.errors import ModelkilnError

__all__ = [
    "Entry",
    "bytes_entry",
    "check_link",
    "check_path",
    "sorted_entries",
    "tar_end",
    "tar_header",
    "tar_padding",
    "write_tar",
]

_BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True)
class Entry:
    """One file, directory or symbolic link of a layer.

    path: relative, `/`-separated, without `.` or `..`. kind: "file", "dir" or "symlink".
    size: bytes that `open()` yields, for a file. link: a symlink's target, as written.
    sticky: a directory that anyone may write to, like /tmp (mode 1777 instead of 0755).
    sha256: hex digest of a file's content where it is known. It says whether two entries for one
    path are the same, and the content is checked against it while it is written.
    """

    path: str
    kind: str = "file"
    size: int = 0
    executable: bool = False
    link: str = ""
    sha256: Optional[str] = None
    open: Optional[Callable[[], BinaryIO]] = field(default=None, compare=False, repr=False)
    sticky: bool = False

    def same_as(self, other: "Entry") -> bool:
        """Whether both would put the same thing on disk; files without sha256 never match."""
        if self.kind == "dir" and other.kind == "dir":
            return self.sticky == other.sticky
        return self == other and (self.kind != "file" or self.sha256 is not None)


def bytes_entry(path: str, data: bytes, executable: bool = False) -> Entry:
    """Return a file entry with `data` as its content."""
    import hashlib

    return Entry(
        path,
        size=len(data),
        executable=executable,
        sha256=hashlib.sha256(data).hexdigest(),
        open=lambda: io.BytesIO(data),
    )


def check_path(path: str, where: str) -> str:
    """Return `path` when it is a clean relative path, else raise ModelkilnError."""
    parts = path.split("/")
    if not path or "\0" in path or "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise ModelkilnError(
            f"{where}: entry {path!r} is not a clean relative path (absolute, empty, '.' or '..' "
            "parts, backslash or NUL); it could write outside of its layer. Refused."
        )
    return path


def check_link(path: str, target: str, where: str) -> str:
    """Return `target` when the link at `path` stays inside the tree, else raise ModelkilnError.

    An absolute target is read as relative to the tree's root, as in a container.
    """
    depth = [] if target.startswith("/") else path.split("/")[:-1]
    for part in target.split("/"):
        if part == "..":
            if not depth:
                raise ModelkilnError(f"{where}: link {path!r} -> {target!r} leaves the layer. Refused.")
            depth.pop()
        elif part not in ("", "."):
            depth.append(part)
    if not target or "\0" in target:
        raise ModelkilnError(f"{where}: link {path!r} has an empty or broken target. Refused.")
    return target


def sorted_entries(entries: Iterable[Entry], where: str) -> list[Entry]:
    """Return `entries` checked, merged and sorted, with all parent directories added.

    Two entries for one path are merged when they are the same and refused when they differ; so is
    a path below something that is not a directory.
    """
    by_path: dict[str, Entry] = {}
    for entry in entries:
        check_path(entry.path, where)
        if entry.kind == "symlink":
            check_link(entry.path, entry.link, where)
        known = by_path.setdefault(entry.path, entry)
        if known is not entry and not known.same_as(entry):
            raise ModelkilnError(
                f"{where}: {entry.path!r} is written twice with different content. "
                "Remove one of the two owners from the package."
            )
    for path in list(by_path):
        _add_parents(path, by_path, where)
    return [by_path[path] for path in sorted(by_path, key=lambda path: path.split("/"))]


def _add_parents(path: str, by_path: dict[str, Entry], where: str) -> None:
    while "/" in path:
        path = path.rsplit("/", 1)[0]
        parent = by_path.get(path)
        if parent is None:
            by_path[path] = Entry(path, kind="dir")
        elif parent.kind != "dir":
            raise ModelkilnError(f"{where}: {path!r} is both a {parent.kind} and a directory. Refused.")
        else:
            return  # Its own parents are there, or are added for it.


def write_tar(entries: Iterable[Entry], out: BinaryIO, where: str = "layer") -> list[Entry]:
    """Write `entries` to `out` as a tar and return them in the order they were written.

    `out` needs only `write`. File contents are streamed; a content that is shorter, longer or
    other than its entry says raises ModelkilnError.
    """
    ordered = sorted_entries(entries, where)
    for entry in ordered:
        out.write(tar_header(entry))
        if entry.kind == "file":
            _copy(entry, out, where)
    out.write(tar_end())
    return ordered


def tar_end() -> bytes:
    """Return what ends a tar: two blocks of zeros (POSIX, pax, "ustar Interchange Format").

    No further padding to a record: it would only be bytes to hash, and every reader accepts its
    absence.
    """
    return bytes(2 * _BLOCK)


def tar_padding(size: int) -> bytes:
    """Return the zeros that fill the last block of a content of `size` bytes."""
    return bytes(-size % _BLOCK)


def tar_header(entry: Entry) -> bytes:
    """Return the header blocks of `entry`; raises ModelkilnError for what a layer does not hold."""
    if entry.kind == "file" and entry.size < _PLAIN_SIZE and len(entry.path) <= _PLAIN_PATH and entry.path.isascii():
        return _plain_header(entry.path, entry.size, entry.executable)
    return _any_header(entry)


# POSIX, pax, "ustar Interchange Format": the widths of name and size (11 octal digits and a NUL).
_PLAIN_PATH, _PLAIN_SIZE = 100, 8**11
_LENGTH, _CHECKSUM = slice(124, 135), slice(148, 156)


def _plain_header(path: str, size: int, executable: bool) -> bytes:
    # The usual header, from the parts of tarfile's that are the same for each file: twenty times as
    # fast, and a model artifact may have ten thousand files.
    owner, time, rest, total = _plain_parts(executable)
    name, length = path.encode("ascii"), b"%011o" % size
    checksum = b"%06o\0 " % (total + sum(name) + sum(length))
    return b"".join((name.ljust(_PLAIN_PATH, b"\0"), owner, length, time, checksum, rest))


@functools.lru_cache(maxsize=2)
def _plain_parts(executable: bool) -> tuple[bytes, bytes, bytes, int]:
    header = _any_header(Entry("x", executable=executable))
    parts = header[_PLAIN_PATH : _LENGTH.start], header[_LENGTH.stop : _CHECKSUM.start], header[_CHECKSUM.stop :]
    # The checksum counts itself as spaces.
    return (*parts, sum(map(sum, parts)) + sum(b" " * 8))


def _any_header(entry: Entry) -> bytes:
    info = tarfile.TarInfo(entry.path + "/" if entry.kind == "dir" else entry.path)
    info.mode = 0o755 if entry.executable or entry.kind == "dir" else 0o644
    info.uname = info.gname = ""
    if entry.kind == "file":
        info.size = entry.size
    elif entry.kind == "dir":
        info.type = tarfile.DIRTYPE
        info.mode = 0o1777 if entry.sticky else 0o755
    elif entry.kind == "symlink":
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
    else:
        raise ModelkilnError(f"{entry.path!r}: a layer holds no {entry.kind}. Refused.")
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _copy(entry: Entry, out: BinaryIO, where: str) -> None:
    import hashlib

    assert entry.open is not None, entry.path
    hasher, size = hashlib.sha256(), 0
    with entry.open() as stream:
        for chunk in iter_chunks(stream):
            size += len(chunk)
            if size > entry.size:
                break
            if entry.sha256:
                hasher.update(chunk)
            out.write(chunk)
    if size != entry.size:
        raise ModelkilnError(
            f"{where}: {entry.path!r} has another size than the {entry.size} bytes it had before. "
            "It changed while it was read, or it is damaged; build again."
        )
    if entry.sha256 and hasher.hexdigest() != entry.sha256:
        raise ModelkilnError(
            f"{where}: {entry.path!r} has sha256 {hasher.hexdigest()}, expected {entry.sha256}. "
            "The file is damaged or was tampered with."
        )
    out.write(tar_padding(size))
