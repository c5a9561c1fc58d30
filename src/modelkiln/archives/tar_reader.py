"""Tars that others wrote, as tarfile reads them, but for headers that fill the memory or that it stumbles over."""

import re
import tarfile
from typing import Any

__all__ = ["HEADER_LIMIT", "open_tar"]

# Of all that is said of one member. As Go's archive/tar, and so every container engine, for each part of it
# (maxSpecialFileSize): a layer with more is one that none unpacks.
HEADER_LIMIT = 1 << 20
# More fits into a header, and into no file: tarfile goes to its end, and fails.
_SIZE_LIMIT = 1 << 60
# Digits on end that nobody writes: tarfile takes time in their square before Python 3.11.10 (CVE-2024-6232).
_DIGITS = 1000


class _Member(tarfile.TarInfo):
    def _proc_member(self, archive: Any) -> Any:
        """As tarfile, which gives subclasses a way in here, and comes again for each part that a header has."""
        parent: Any = super()
        stream = archive.fileobj
        is_first = not isinstance(stream, _Header)
        if is_first:
            archive.fileobj = _Header(stream)
        try:
            member = parent._proc_member(archive)
        except (ValueError, LookupError, RecursionError) as error:
            # What tarfile raises for some that are damaged, or of more parts than it has a stack for.
            raise tarfile.ReadError(f"a header cannot be read ({type(error).__name__})") from None
        finally:
            if is_first:
                archive.fileobj = stream
        # A sparse file has two sizes, of which one says where the next header is.
        for size in (member.size, archive.offset):
            if not 0 <= size < _SIZE_LIMIT:
                raise tarfile.ReadError(f"{member.name!r} has {size} bytes")
        return member


class _Header:
    """The stream of an archive while one header is read."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._left = stream, HEADER_LIMIT + tarfile.BLOCKSIZE  # It reads whole blocks.

    def tell(self) -> int:
        return int(self._stream.tell())

    def seek(self, position: int) -> Any:
        return self._stream.seek(position)

    def read(self, size: int) -> bytes:
        self._left -= size
        if size < 0 or self._left < 0:
            raise tarfile.ReadError(f"a header has less than 0 or more than {HEADER_LIMIT} bytes")
        data: bytes = self._stream.read(size)
        if any(len(digits) > _DIGITS for digits in re.findall(rb"\d+", data)):
            raise tarfile.ReadError(f"a header has a number of more than {_DIGITS} digits")
        return data


def open_tar(stream: Any, mode: str, bufsize: int = tarfile.RECORDSIZE) -> tarfile.TarFile:
    """Return `tarfile.open` of a stream; reading raises tarfile.TarError for all headers that are not good."""
    opened: Any = tarfile.open
    return opened(fileobj=stream, mode=mode, bufsize=bufsize, tarinfo=_Member)
