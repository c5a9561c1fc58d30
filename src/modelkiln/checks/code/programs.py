"""Programs, libraries, scripts and byte code, by how they start."""

import struct
from typing import Optional

__all__ = ["program_kind"]

# ELF (elf(5)); Mach-O of both orders and sizes, and universal ones (mach-o/loader.h, mach-o/fat.h).
_STARTS = (
    b"\x7fELF", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe",
)  # fmt: skip
_FIRST_BYTES = frozenset((*(start[:1] for start in _STARTS), b"\xca", b"M"))
_UNIVERSAL = b"\xca\xfe\xba\xbe"
_MOST_ARCHITECTURES = 30
# Where the header of a Windows program (PE) is said to be, and how it starts ("PE Format", MS-DOS Stub).
_PE_OFFSET, _PE = 0x3C, b"PE\0\0"
# PEP 552 and before: a version, CR LF, then flags, a time and a size; marshal's code object, as a reference or not.
_PYC_HEADERS = (16, 12, 8)
_CODE_OBJECT = b"c\xe3"


def program_kind(head: bytes) -> Optional[str]:
    """Return "program", "script" or "pyc" for a file that starts with `head`, 512 bytes of it, else None."""
    if head[:1] in _FIRST_BYTES and (head.startswith(_STARTS) or _is_universal(head) or _is_windows(head)):
        return "program"
    # execve(2): the program that runs it follows.
    if head.startswith(b"#!") and head[2:].lstrip(b" \t")[:1] == b"/":
        return "script"
    if head[2:4] == b"\r\n" and any(head[size : size + 1] and head[size] in _CODE_OBJECT for size in _PYC_HEADERS):
        return "pyc"
    return None


def _is_universal(head: bytes) -> bool:
    # Java's classes start the same; what follows is their version, which is larger.
    return head.startswith(_UNIVERSAL) and struct.unpack(">I", head[4:8].rjust(4, b"\xff"))[0] <= _MOST_ARCHITECTURES


def _is_windows(head: bytes) -> bool:
    if not head.startswith(b"MZ") or len(head) < _PE_OFFSET + 4:
        return False
    start = struct.unpack_from("<I", head, _PE_OFFSET)[0]
    return head[start : start + 4] == _PE
