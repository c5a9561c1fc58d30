"""Zip files of members that are not compressed: equal bytes for equal members, and large files copied in the kernel.

zipfile reads what it writes, to sum it up. Here the sum of a file may be known before, so that none of
its bytes come into the process. Specification: PKWARE, APPNOTE.TXT; in brackets its sections.
"""

import os
import shutil
import struct
import zlib
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Iterable, NamedTuple

from modelkiln.digest import CHUNK, iter_chunks
from modelkiln.errors import ModelkilnError

__all__ = ["Member", "ZipWriter", "checksum"]

# [4.3.7], [4.3.12], [4.3.16]: a member's header, its entry in the directory, and what ends the file.
_HEADER = struct.Struct("<4sHHHHHLLLHH")
_ENTRY = struct.Struct("<4sHHHHHHLLLHHHHHLL")
_END = struct.Struct("<4sHHHHLLH")
# [4.3.14], [4.3.15]: the end's numbers in 64 bits, and where they are.
_END64 = struct.Struct("<4sQHHLLQQQQ")
_LOCATOR = struct.Struct("<4sLQL")
# Of numbers with 32 and 16 bits, the one that says that it does not fit [4.4.1.4].
_FULL, _FULL_COUNT = 0xFFFFFFFF, 0xFFFF
# [4.4.3]: versions of the specification, with folders and with 64 bits. [4.4.2]: made on Unix, whose modes are kept.
_FOLDERS, _LARGE, _UNIX = 20, 45, 3 << 8
# [4.4.6]: 1980-01-01, the first day that fits. [4.4.4]: the name is UTF-8.
_DATE, _UTF8 = 0x21, 1 << 11
_FILE, _PROGRAM, _FOLDER = 0o100644, 0o100755, 0o040755
# [4.4.15]: what MS-DOS calls a folder.
_DOS_FOLDER = 0x10


class Member(NamedTuple):
    """A file, or a folder whose path ends in a slash: what the directory says of it."""

    path: str
    offset: int
    size: int
    crc32: int
    mode: int


class ZipWriter:
    """Writes to `stream`, which is at its end; `members`: what is in it so far. `finish` makes it a zip file.

    Folders are members too, before what lies in them: zipimport finds packages without an `__init__.py` by them.
    """

    def __init__(self, stream: BinaryIO, members: Iterable[Member] = ()) -> None:
        self._stream = stream
        self.members = list(members)
        self._paths = {member.path for member in self.members}

    def add(self, path: str, data: bytes, is_program: bool = False) -> None:
        """Add a file."""
        self._begin(path, len(data), zlib.crc32(data), _PROGRAM if is_program else _FILE)
        self._stream.write(data)

    def add_file(self, path: str, source: Path, crc32: int) -> None:
        """Add the file `source`, whose CRC-32 is known; raises ModelkilnError where it changes meanwhile."""
        with source.open("rb", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            self._begin(path, size, crc32, _FILE)
            if _append(stream, self._stream, size) != size:
                raise ModelkilnError(f"{source}: changed while it was read. Try again.")

    def finish(self) -> None:
        """Write the directory."""
        start = self._stream.tell()
        for member in self.members:
            self._stream.write(_entry(member))
        self._stream.write(_end(len(self.members), start, self._stream.tell() - start))
        self._stream.flush()

    def _begin(self, path: str, size: int, crc32: int, mode: int) -> None:
        if path in self._paths:
            raise ModelkilnError(f"{path}: is in the zip file twice.")
        for parent in list(PurePosixPath(path).parents)[-2::-1]:  # But the last, which is none.
            if f"{parent}/" not in self._paths:
                self._header(Member(f"{parent}/", self._stream.tell(), 0, 0, _FOLDER))
        self._header(Member(path, self._stream.tell(), size, crc32, mode))

    def _header(self, member: Member) -> None:
        name, flags = _name(member)
        is_large = member.size >= _FULL
        size = _FULL if is_large else member.size
        extra = _extra([member.size, member.size] if is_large else [])
        version = _LARGE if is_large else _FOLDERS
        self._stream.write(
            _HEADER.pack(b"PK\3\4", version, flags, 0, 0, _DATE, member.crc32, size, size, len(name), len(extra))
        )
        self._stream.write(name + extra)
        self.members.append(member)
        self._paths.add(member.path)


def checksum(path: Path) -> int:
    """Return the CRC-32 of a file."""
    crc32 = 0
    with path.open("rb", buffering=0) as stream:
        for chunk in iter_chunks(stream):
            crc32 = zlib.crc32(chunk, crc32)
    return crc32


def _name(member: Member) -> tuple[bytes, int]:
    return member.path.encode(), 0 if member.path.isascii() else _UTF8


def _extra(numbers: list[int]) -> bytes:
    """What does not fit into a header's 32 bits [4.5.3]."""
    return struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""


def _entry(member: Member) -> bytes:
    name, flags = _name(member)
    size, offset = min(member.size, _FULL), min(member.offset, _FULL)
    extra = _extra([number for number in (member.size, member.size, member.offset) if number >= _FULL])
    version = _LARGE if extra else _FOLDERS
    attributes = member.mode << 16 | (_DOS_FOLDER if member.mode == _FOLDER else 0)
    return (
        _ENTRY.pack(b"PK\1\2", _UNIX | version, version, flags, 0, 0, _DATE, member.crc32, size, size,
                    len(name), len(extra), 0, 0, 0, attributes, offset)
        + name
        + extra
    )  # fmt: skip


def _end(count: int, start: int, size: int) -> bytes:
    large = b""
    if count >= _FULL_COUNT or max(start, size) >= _FULL:
        rest = _END64.size - 12  # Without its first two fields.
        large = _END64.pack(b"PK\6\6", rest, _UNIX | _LARGE, _LARGE, 0, 0, count, count, size, start)
        large += _LOCATOR.pack(b"PK\6\7", 0, start + size, 1)
        count, size, start = min(count, _FULL_COUNT), min(size, _FULL), min(start, _FULL)
    return large + _END.pack(b"PK\5\6", 0, 0, count, count, size, start, 0)


def _append(source: BinaryIO, stream: BinaryIO, size: int) -> int:
    """Append `size` bytes of `source` to `stream`, in the kernel where it can; returns how many there were."""
    stream.flush()
    start, copied, count = stream.tell(), 0, -1
    with suppress(AttributeError, OSError):  # Not on this system, or not between these file systems.
        while count and copied < size:
            count = os.copy_file_range(source.fileno(), stream.fileno(), min(size - copied, 1 << 30))
            copied += count
    stream.seek(start + copied)
    if copied < size:
        # Some file systems say that there is nothing, of files that can be read.
        source.seek(copied)
        shutil.copyfileobj(source, stream, CHUNK)
        copied = source.tell()
    return copied
