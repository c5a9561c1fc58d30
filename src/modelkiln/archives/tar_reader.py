"""Tars that others wrote, as tarfile reads them, but for headers that no tar needs and that fill the memory."""

import tarfile
from typing import Any

__all__ = ["HEADER_LIMIT", "open_tar"]

# As Go's archive/tar, and so every container engine (maxSpecialFileSize): a layer with more is one that none unpacks.
HEADER_LIMIT = 1 << 20
# What tarfile reads at once, to say more of the next member.
_EXTENDING = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class _Member(tarfile.TarInfo):
    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        # tarfile's hook for subclasses: "Choose the right processing method".
        if self.type in _EXTENDING and self.size > HEADER_LIMIT:
            raise tarfile.ReadError(f"a header has {self.size} bytes, want {HEADER_LIMIT} at most")
        parent: Any = super()
        return parent._proc_member(archive)


def open_tar(stream: Any, mode: str, bufsize: int = tarfile.RECORDSIZE) -> tarfile.TarFile:
    """Return `tarfile.open` of a stream; reading raises tarfile.ReadError for a header that is too large."""
    opened: Any = tarfile.open
    return opened(fileobj=stream, mode=mode, bufsize=bufsize, tarinfo=_Member)
