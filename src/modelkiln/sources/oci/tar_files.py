"""The files of a tar that lies elsewhere: found by its headers, with little else read."""

import io
import tarfile
from dataclasses import dataclass
from typing import Any, BinaryIO, Callable, Iterator, List, Optional

from modelkiln.archives.tar import check_path
from modelkiln.errors import ModelkilnError

__all__ = ["RangeReader", "TarFile", "tar_file", "tar_files"]

# Read at once where a header is looked for. Large enough that many small files need one request,
# small enough that the bytes of a large file that it touches do not count.
_WINDOW = 256 << 10


@dataclass(frozen=True)
class TarFile:
    """A file of a tar. name: as it is there, without a leading "./". offset: of its first byte in
    the tar. size: in bytes. kind: "file", or what else it is, for people."""

    name: str
    offset: int
    size: int
    kind: str = "file"


class RangeReader(io.RawIOBase):
    """A seekable stream over what `open_range(start, stop)` opens, of `size` bytes."""

    def __init__(self, open_range: Callable[[int, int], BinaryIO], size: int) -> None:
        super().__init__()
        self._open_range, self._size, self._position = open_range, size, 0

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether it can seek: yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move, as files do, and return the new position."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer) -> int:
        """Fill `buffer` with one range; 0 at the end."""
        stop = min(self._position + len(buffer), self._size)
        if stop <= self._position:
            return 0
        with self._open_range(self._position, stop) as stream:
            data = stream.read()
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def tar_files(stream: Any, size: int, where: str) -> List[TarFile]:
    """Return what an uncompressed tar of `size` bytes holds, but for folders, in its order.

    stream: raw and seekable; contents are skipped over. Raises ModelkilnError for what is not a tar, for
    names that lead out of it, and for contents beyond its end.
    """
    buffered = io.BufferedReader(stream, _WINDOW)
    try:
        with tarfile.open(fileobj=buffered, mode="r:") as archive:
            return list(_files(archive, size, where))
    except tarfile.TarError as error:
        raise ModelkilnError(f"{where}: is not a tar, or is damaged ({error}).") from None


def _files(archive: tarfile.TarFile, size: int, where: str) -> Iterator[TarFile]:
    for member in archive:
        file = tar_file(member, where)
        if file is None:
            continue
        if file.offset + file.size > size:
            raise ModelkilnError(f"{where}: {file.name!r} has {file.size} bytes, which end after the tar. Damaged.")
        yield file


def tar_file(member: tarfile.TarInfo, where: str) -> Optional[TarFile]:
    """Return what a member is, None for a folder; raises ModelkilnError for a name that leads out."""
    if member.isdir():
        return None
    name = member.name
    while name.startswith("./"):
        name = name[2:]
    check_path(name, where)
    kinds = {tarfile.SYMTYPE: "symbolic link", tarfile.LNKTYPE: "hard link"}
    kind = "file" if member.isreg() and not member.issparse() else kinds.get(member.type, "special file")
    return TarFile(name, member.offset_data, 0 if kind == "hard link" else member.size, kind)
