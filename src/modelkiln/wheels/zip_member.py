"""One file inside a zip, as a stream.

zipfile reads directories; contents are read here, because Python's zlib takes longer to inflate a
wheel than all that is done with it afterwards. ISA-L, where it is installed, takes a third of that
for the same bytes.
"""

import os
import struct
import zipfile
import zlib
from typing import Any, BinaryIO, Tuple, Type

__all__ = ["DAMAGE", "ZipMember"]

try:
    from isal import isal_zlib as _zlib
except ImportError:
    _zlib: Any = zlib  # type: ignore[no-redef]

# What reading a damaged zip raises, besides what zipfile raises. The stubs of isal take its class for an instance.
DAMAGE: Tuple[Type[Exception], ...] = (
    zipfile.BadZipFile, zlib.error, _zlib.error, EOFError,  # type: ignore[assignment]
)  # fmt: skip

_PIECE = 1 << 18
# APPNOTE.TXT 4.3.7, "Local file header": signature, then after 22 bytes the lengths of name and extra field.
_HEADER = struct.Struct("<4s22xHH")
_SIGNATURE = b"PK\3\4"
# 4.4.4, general purpose bit 11: the name is UTF-8, else code page 437.
_UTF8 = 1 << 11


class ZipMember:
    """The content of `info` in the open zip `archive`; read once and forward.

    Streams of one archive may be read at the same time, in several threads. Raises one of DAMAGE
    where the zip contradicts itself.
    """

    def __init__(self, archive: BinaryIO, info: zipfile.ZipInfo) -> None:
        self._file, self._info = archive.fileno(), info
        header = os.pread(self._file, _HEADER.size, info.header_offset)
        if len(header) < _HEADER.size:
            raise EOFError("it ends in a header")
        signature, name_size, extra_size = _HEADER.unpack(header)
        name = os.pread(self._file, name_size, info.header_offset + _HEADER.size)
        if signature != _SIGNATURE or name.decode("utf-8" if info.flag_bits & _UTF8 else "cp437") != info.orig_filename:
            raise zipfile.BadZipFile(f"its directory and the header of {info.filename!r} differ")
        self._position = info.header_offset + _HEADER.size + name_size + extra_size
        self._left = info.compress_size
        is_deflated = info.compress_type == zipfile.ZIP_DEFLATED
        self._inflate: Any = _zlib.decompressobj(-zlib.MAX_WBITS) if is_deflated else None
        self._size, self._crc = 0, 0

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, all that are left where it is negative; b"" at the end."""
        if size < 0:
            return b"".join(iter(lambda: self.read(_PIECE), b""))
        data = self._stored(size) if self._inflate is None else self._inflated(size)
        self._size += len(data)
        self._crc = _zlib.crc32(data, self._crc)
        if self._size > self._info.file_size or (not data and size):
            self._check_end()
        return data

    def _stored(self, size: int) -> bytes:
        data = os.pread(self._file, min(size, self._left), self._position)
        if not data and size and self._left:
            raise EOFError("it ends in a file")
        self._position += len(data)
        self._left -= len(data)
        return data

    def _inflated(self, size: int) -> bytes:
        while size and not self._inflate.eof:
            piece = self._inflate.unconsumed_tail or self._stored(_PIECE)
            data = self._inflate.decompress(piece, size)
            if data:
                return data
            if not piece:
                raise EOFError("it ends in a compressed file")
        return b""

    def _check_end(self) -> None:
        if (self._size, self._crc) != (self._info.file_size, self._info.CRC):
            raise zipfile.BadZipFile(f"{self._info.filename!r} has another size or CRC-32 than its directory says")
