"""Tars that others wrote, as tarfile reads them, but for headers that fill the memory, that it stumbles over, or that
Go's archive/tar, and so every container engine, reads as something else."""

import re
import tarfile
from operator import itemgetter
from typing import Any

__all__ = ["HEADER_LIMIT", "open_tar"]

# Of all that is said of one member. As Go's archive/tar, and so every container engine, for each part of it
# (maxSpecialFileSize): a layer with more is one that none unpacks.
HEADER_LIMIT = 1 << 20
# More fits into a header, and into no file: tarfile goes to its end, and fails.
_SIZE_LIMIT = 1 << 60
# Digits on end that nobody writes: tarfile takes time in their square before Python 3.11.10 (CVE-2024-6232).
_DIGITS = 1000
# Where numbers begin in a header (POSIX, pax, "ustar Interchange Format"): mode, owner, group, size, time, checksum.
_NUMBERS = {100: 108, 108: 116, 116: 124, 124: 136, 136: 148, 148: 156}
_starts = itemgetter(*_NUMBERS)
_PREFIX, _MAGIC = 345, slice(257, 265)
# Headers that say more of the member that follows.
_GLOBAL, _PAX, _LONG = (tarfile.XGLTYPE,), (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE), b"LK"


class _Member(tarfile.TarInfo):
    @classmethod
    def frombuf(cls, buf: Any, encoding: str, errors: str) -> Any:
        """As tarfile, but for what is ambiguous in one block."""
        member = super().frombuf(buf, encoding, errors)
        if not all(_starts(buf)) and any(
            not buf[start] and buf[start:end].strip(b"\0") for start, end in _NUMBERS.items()
        ):  # Go passes over the zero, tarfile ends at it.
            raise tarfile.ReadError(f"{member.name!r}: a number in its header begins with a zero byte")
        if buf[_PREFIX] and not _has_prefix(buf):
            raise tarfile.ReadError(f"{member.name!r}: its header has a prefix, and is not of a format with one")
        return member

    def _proc_member(self, archive: Any) -> Any:
        """As tarfile, which gives subclasses a way in here, and comes again for each part that a header has."""
        parent: Any = super()
        stream = archive.fileobj
        is_first = not isinstance(stream, _Header)
        if is_first:
            archive.fileobj = stream = _Header(stream)
        try:
            stream.follow(self.type)
            member = parent._proc_member(archive)
        except (ValueError, LookupError, RecursionError) as error:
            # What tarfile raises for some that are damaged, or of more parts than it has a stack for.
            raise tarfile.ReadError(f"a header cannot be read ({type(error).__name__})") from None
        finally:
            if is_first:
                archive.fileobj = stream.stream
        # A sparse file has two sizes, of which one says where the next header is.
        for size in (member.size, archive.offset):
            if not 0 <= size < _SIZE_LIMIT:
                raise tarfile.ReadError(f"{member.name!r} has {size} bytes")
        return member


def _has_prefix(block: bytes) -> bool:
    """Whether Go takes the field for the beginning of the name, as tarfile always does."""
    if block[_MAGIC] == b"ustar\x0000":
        return True
    # What GNU has there are times. Go before 1.8 wrote names, which it still takes where they cannot be numbers.
    return block[_MAGIC] == b"ustar  \0" and 0x21 <= block[_PREFIX] < 0x7F and not 0x30 <= block[_PREFIX] < 0x38


class _Header:
    """The stream of an archive while one header is read, with all its parts."""

    def __init__(self, stream: Any) -> None:
        self.stream, self._left = stream, HEADER_LIMIT + tarfile.BLOCKSIZE  # It reads whole blocks.
        self._before: list[bytes] = []

    def follow(self, kind: bytes) -> None:
        """Take one more part; raises tarfile.ReadError for one by which Go and tarfile do not read the same.

        Of two that say the same tarfile believes the first one, and Go the last one, or that of GNU.
        """
        if kind in (*_GLOBAL, *_PAX):
            is_plain = all(one in _GLOBAL for one in self._before)
        else:
            is_plain = kind not in _LONG or not any(one == kind or one in _PAX for one in self._before)
        if not is_plain:
            raise tarfile.ReadError("a header says twice what follows")
        self._before.append(kind)

    def tell(self) -> int:
        return int(self.stream.tell())

    def seek(self, position: int) -> Any:
        return self.stream.seek(position)

    def read(self, size: int) -> bytes:
        self._left -= size
        if size < 0 or self._left < 0:
            raise tarfile.ReadError(f"a header has less than 0 or more than {HEADER_LIMIT} bytes")
        data: bytes = self.stream.read(size)
        if any(len(digits) > _DIGITS for digits in re.findall(rb"\d+", data)):
            raise tarfile.ReadError(f"a header has a number of more than {_DIGITS} digits")
        return data


def open_tar(stream: Any, mode: str, bufsize: int = tarfile.RECORDSIZE) -> tarfile.TarFile:
    """Return `tarfile.open` of a stream; reading raises tarfile.TarError for all headers that are not good."""
    opened: Any = tarfile.open
    return opened(fileobj=stream, mode=mode, bufsize=bufsize, tarinfo=_Member)
