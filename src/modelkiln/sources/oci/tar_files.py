"""The files of a tar that lies elsewhere: found by its headers, with little else read."""

import io
import tarfile
from dataclasses import dataclass
from typing import Any, Iterator, List, Optional

from modelkiln.archives.tar import check_path
from modelkiln.archives.tar_reader import open_tar
from modelkiln.errors import ModelkilnError

__all__ = ["TarFile", "tar_file", "tar_files"]

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


def tar_files(stream: Any, size: int, where: str) -> List[TarFile]:
    """Return what an uncompressed tar of `size` bytes holds, but for folders, in its order.

    stream: raw and seekable; contents are skipped over. Raises ModelkilnError for what is not a tar, for
    names that lead out of it, and for contents beyond its end.
    """
    buffered = io.BufferedReader(stream, _WINDOW)
    try:
        with open_tar(buffered, "r:") as archive:
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
