"""Reading a Debian package: an ar archive that holds two tars, deb(5).

Read here rather than with python-debian's `DebFile`, which wants to seek in every archive and
runs a program for zstd: a base layer needs one forward pass in constant memory, and every entry
that could do harm refused before anything is written.
"""

import contextlib
import gzip
import lzma
import tarfile
import zlib
from dataclasses import dataclass
from typing import BinaryIO, Iterator, Optional

from modelkiln.archives.tar import check_link, check_path
from modelkiln.archives.tar_reader import open_tar
from modelkiln.errors import ModelkilnError

__all__ = ["DebEntry", "iter_data", "read_control"]

# ar(5): a global header, then members with a header of 60 bytes, each padded to an even offset.
_MAGIC = b"!<arch>\n"
_HEADER = 60
# The largest control files of Debian have some tens of kilobytes.
_CONTROL_LIMIT = 1 << 20
# A member of a few bytes can claim any size. The largest packages of Debian unpack to about 5 GB.
_DATA_LIMIT = 16 << 30
# zstd's command line refuses larger windows as well, unless an option allows them.
_ZSTD_WINDOW = 128 << 20


@dataclass(frozen=True)
class DebEntry:
    """One entry of a package's data; `kind` is "file", "dir", "symlink" or "hardlink".

    path: clean and relative. link: a symlink's target as written, or the path of the file that a
    hard link repeats. sticky: a directory that anyone may write to (mode 1777).
    """

    path: str
    kind: str
    size: int = 0
    executable: bool = False
    sticky: bool = False
    link: str = ""


class _Member:
    """The bytes of one ar member, readable once and forward."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, size: int = -1) -> bytes:
        size = self._left if size is None or size < 0 else min(size, self._left)
        data = self._stream.read(size)
        if len(data) < size:
            raise EOFError("the archive is truncated")
        self._left -= len(data)
        return data


def _member(stream: BinaryIO, wanted: str, where: str) -> tuple[str, _Member]:
    """Return the name and the bytes of the member that starts with `wanted`."""
    stream.seek(0)
    if stream.read(len(_MAGIC)) != _MAGIC:
        raise ModelkilnError(f"{where}: not a Debian package: it does not start as an ar archive.")
    while True:
        header = stream.read(_HEADER)
        size = header[48:58].strip()
        if len(header) < _HEADER or header[58:] != b"`\n" or not size.isdigit():
            raise ModelkilnError(f"{where}: no {wanted} in the package, or a broken ar header.")
        name = header[:16].decode("ascii", "replace").rstrip().rstrip("/")
        if name.startswith(wanted):
            return name, _Member(stream, int(size))
        stream.seek(int(size) + int(size) % 2, 1)


def _decompressed(name: str, member: _Member, where: str) -> BinaryIO:
    ending = name.partition(".tar")[2]
    if ending == "":
        return member
    if ending == ".gz":
        return gzip.GzipFile(fileobj=member)
    if ending == ".xz":
        return lzma.LZMAFile(member)
    if ending == ".zst":
        # Imported here: Debian itself compresses with xz; Ubuntu's packages are zstd.
        import zstandard

        return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(member)
    raise ModelkilnError(f"{where}: {name}: unknown compression {ending!r}; known: gz, xz, zst.")


@contextlib.contextmanager
def _reading(name: str, where: str) -> Iterator[None]:
    """Turns what a damaged archive makes its readers raise into a ModelkilnError."""
    errors = (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError, ValueError)
    if name.endswith(".zst"):
        import zstandard

        errors += (zstandard.ZstdError,)
    try:
        yield
    except errors as error:
        raise ModelkilnError(
            f"{where}: {name} cannot be read ({error}); the package is damaged. Fetch it again."
        ) from error


class _Content:
    """A file's content; damage of the archive around it is reported as ModelkilnError."""

    def __init__(self, stream: BinaryIO, name: str, where: str) -> None:
        self._stream, self._name, self._where = stream, name, where

    def read(self, size: int = -1) -> bytes:
        with _reading(self._name, self._where):
            return self._stream.read(size)


@contextlib.contextmanager
def _open_tar(stream: BinaryIO, wanted: str, where: str) -> Iterator[tuple[str, tarfile.TarFile]]:
    name, member = _member(stream, wanted, where)
    with _reading(name, where), open_tar(_decompressed(name, member, where), "r|") as tar:
        yield name, tar


def read_control(stream: BinaryIO, where: str) -> str:
    """Return the control paragraph of the package in `stream`, deb-control(5), without its last newline."""
    with _open_tar(stream, "control.tar", where) as (_, tar):
        for info in tar:
            if info.name in ("control", "./control") and info.isreg() and info.size <= _CONTROL_LIMIT:
                text = tar.extractfile(info).read().decode("utf-8", "surrogateescape").rstrip("\n")
                if "\n\n" in text or not text.startswith("Package:"):
                    break
                return text
    raise ModelkilnError(f"{where}: no well-formed control file in the package; it is damaged.")


def iter_data(stream: BinaryIO, where: str) -> Iterator[tuple[DebEntry, Optional[BinaryIO]]]:
    """Yield the entries of the package's data in archive order, each file with its content.

    A content can be read until the next entry is asked for. Owners and times are dropped and
    modes reduced to "may it be run", since a layer has no others; what would change its meaning
    by that is refused (ModelkilnError): files with the setuid or setgid bit, devices, FIFOs and
    sparse files; and so are paths and links that leave the root, and paths that occur twice.
    """
    seen, unpacked = set(), 0
    with _open_tar(stream, "data.tar", where) as (name, tar):
        for info in tar:
            entry = _checked(info, where)
            if entry is None:
                continue
            if entry.path in seen:
                raise ModelkilnError(f"{where}: {entry.path!r} occurs twice in the package. Refused.")
            seen.add(entry.path)
            unpacked += entry.size
            if unpacked > _DATA_LIMIT:
                raise ModelkilnError(f"{where}: unpacks to more than {_DATA_LIMIT} bytes. Refused.")
            is_file = entry.kind == "file"
            yield entry, _Content(tar.extractfile(info), name, where) if is_file else None


def _clean(name: str) -> str:
    return name[2:] if name.startswith("./") else name


def _checked(info: tarfile.TarInfo, where: str) -> Optional[DebEntry]:
    """The entry that `info` describes; None for the root itself."""
    if info.isdir() and info.name in (".", "./", ""):
        return None
    path = check_path(_clean(info.name), where)
    if info.isdir():
        return DebEntry(path, "dir", sticky=info.mode & 0o7777 == 0o1777)
    if info.issym():
        return DebEntry(path, "symlink", link=check_link(path, info.linkname, where))
    if info.islnk():
        return DebEntry(path, "hardlink", link=check_path(_clean(info.linkname), where))
    if not info.isreg() or info.issparse():
        raise ModelkilnError(
            f"{where}: {path!r} is a device, a FIFO or a sparse file; a layer holds none. Leave the package out."
        )
    if info.mode & 0o6000:
        raise ModelkilnError(
            f"{where}: {path!r} has the setuid or setgid bit (mode {info.mode:o}), by which anyone "
            "in the container could become another user. Leave the package out."
        )
    return DebEntry(path, "file", size=info.size, executable=bool(info.mode & 0o111))
