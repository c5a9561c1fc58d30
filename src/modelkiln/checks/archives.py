"""Archives and compressed files: their members, found the way that loaders of models find them.

Zip archives are read by their central directory alone, as torch does; flags and checksums that make
other readers stop are refused or of no matter.
"""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from typing import Any, BinaryIO, Callable, Iterator, NamedTuple, Optional

from modelkiln.archives.tar_reader import open_tar
from modelkiln.checks.content import Content

__all__ = [
    "COMPRESSIONS",
    "FIRST_BYTES",
    "compression_of",
    "decompressed",
    "is_tar",
    "may_end_as_zip",
    "starts_as_zip",
    "tar_members",
    "zip_members",
]

# APPNOTE.TXT 6.3.10, 4.3.7: local file header, and 4.3.16: end of central directory.
_ZIP_END = b"PK\x05\x06"
# 4.3.16: a record of 22 bytes, and a comment of at most 65535.
_ZIP_TAIL = 22 + 65535
_ZIP_STARTS = (b"PK\x03\x04", _ZIP_END)
_LOCAL = struct.Struct("<4s5H3L2H")
_ENCRYPTED = 0x1 | 0x40 | 0x2000
# 4.4.5: stored and deflated are what loaders of models read.
_STORED, _DEFLATED = 0, 8
_MAX_MEMBERS = 1_000_000
_AGAIN = "Save the model again, or unpack the archive and give its files"


class _Window(io.RawIOBase):
    """A stretch of a stream as a stream."""

    def __init__(self, stream: BinaryIO, start: int, size: int) -> None:
        super().__init__()
        self._stream, self._start, self._size, self._at = stream, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._stream.seek(self._start + self._at)
        data = self._stream.read(max(0, min(len(buffer), self._size - self._at)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Inflated(io.RawIOBase):
    """What a decompressor makes of a stream, read forward."""

    def __init__(self, stream: BinaryIO, decompressor: Any) -> None:
        super().__init__()
        self._stream, self._decompressor, self._ahead = stream, decompressor, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._decompressor.eof:
            chunk = self._ahead or self._stream.read(1 << 16)
            data = self._decompressor.decompress(chunk, len(buffer))
            self._ahead = self._decompressor.unconsumed_tail
            if data:
                buffer[: len(data)] = data
                return len(data)
            if not chunk:
                raise EOFError("the compressed data end too early")
        return 0

    def close(self) -> None:
        self._stream.close()
        super().close()


def _window(content: Content, start: int, size: int) -> Callable[[], BinaryIO]:
    return lambda: io.BufferedReader(_Window(content.open(), start, size))


def starts_as_zip(head: bytes) -> bool:
    """Return whether a file starts as a zip archive."""
    return head.startswith(_ZIP_STARTS)


def zip_members(content: Content) -> Optional[list]:
    """Return the members of a zip archive as contents, None where there is no archive.

    `content` can seek. Archives are found by their end, so that one behind other bytes is found too.
    Raises ModelkilnError for an archive that readers understand in different ways.
    """
    if not _may_be_zip(content):
        return None
    try:
        with content.open() as stream, zipfile.ZipFile(stream) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error) as error:
        if starts_as_zip(content.head(4)):
            raise content.refuse(f"not a valid zip archive: {error}", _AGAIN) from None
        return None
    names = [info.orig_filename for info in infos]
    if len(set(names)) != len(names) or len(infos) > _MAX_MEMBERS:
        raise content.refuse("is a zip archive that has a name twice, or too many", _AGAIN)
    if "" in {info.filename for info in infos}:
        raise content.refuse("is a zip archive with a member that has no name", _AGAIN)
    return [_zip_member(content, info) for info in infos if not info.is_dir() or info.compress_size]


def _may_be_zip(content: Content) -> bool:
    """Whether it starts as a zip archive or may end as one; the second shows in its last bytes."""
    if content.data is not None:
        return content.data[:4] in _ZIP_STARTS or may_end_as_zip(content.data)
    with content.open() as stream:
        if stream.read(4) in _ZIP_STARTS:
            return True
        stream.seek(max(0, (content.size or 0) - _ZIP_TAIL))
        return may_end_as_zip(stream.read())


def may_end_as_zip(data: bytes) -> bool:
    """Return whether the end of a file, or all of it, may be the end of a zip archive."""
    # rfind() takes half the time of find(), on what looks like noise.
    return data.rfind(_ZIP_END, max(0, len(data) - _ZIP_TAIL)) >= 0


def _zip_member(content: Content, info: zipfile.ZipInfo) -> Content:
    name = info.orig_filename
    if info.flag_bits & _ENCRYPTED:
        raise content.refuse(f"member {name!r} is encrypted", _AGAIN)
    if info.compress_type not in (_STORED, _DEFLATED):
        raise content.refuse(f"member {name!r} has compression {info.compress_type}, want stored or deflated", _AGAIN)
    with content.open() as stream:
        # Negative where the directory is said to begin behind what it is the directory of.
        stream.seek(max(0, info.header_offset))
        header = stream.read(_LOCAL.size if info.header_offset >= 0 else 0)
        if len(header) != _LOCAL.size or header[:4] != _ZIP_STARTS[0]:
            raise content.refuse(f"member {name!r} has no header at byte {info.header_offset}", _AGAIN)
        fields = _LOCAL.unpack(header)
        local_name = stream.read(fields[9])
    if (
        local_name.decode("utf-8" if fields[2] & 0x800 else "cp437", "replace") != name
        or fields[3] != info.compress_type
    ):
        raise content.refuse(f"member {name!r} has another name or compression in its own header", _AGAIN)
    start = info.header_offset + _LOCAL.size + fields[9] + fields[10]
    if start + info.compress_size > (content.size or 0):
        raise content.refuse(f"member {name!r} reaches past the end of the file", _AGAIN)
    if info.compress_type == _STORED and info.compress_size != info.file_size:
        raise content.refuse(f"member {name!r} is stored, but has two sizes", _AGAIN)

    window = _window(content, start, info.compress_size)
    if info.compress_type == _STORED:
        return content.member(name, window, info.file_size, True)
    return content.member(name, lambda: io.BufferedReader(_Inflated(window(), zlib.decompressobj(-15))), None, False)


_CHECKSUM_STARTS = frozenset(b"\x80\xff\0\t\n\v\f\r\x1c\x1d\x1e\x1f +-01234567")


def is_tar(head: bytes) -> bool:
    """Return whether a file's first 512 bytes are the header of a tar archive."""
    # Its checksum is in octal, or as a number of base 256 (tarfile.nti); most files end here.
    if len(head) < 512 or head[148] not in _CHECKSUM_STARTS:
        return False
    try:
        tarfile.TarInfo.frombuf(head[:512], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def tar_members(content: Content) -> Iterator[Content]:
    """Yield the files in a tar archive; `content` can seek. Raises ModelkilnError for a broken one."""
    try:
        with content.open() as stream, open_tar(stream, "r:") as archive:
            for info in archive:
                if info.issparse():
                    raise content.refuse(f"member {info.name!r} is a sparse file", _AGAIN)
                if info.isfile():
                    yield content.member(info.name, _window(content, info.offset_data, info.size), info.size, True)
    except (tarfile.TarError, EOFError) as error:
        raise content.refuse(f"not a valid tar archive: {error}", _AGAIN) from None


class Compression(NamedTuple):
    """name: for messages. magic: how a file starts. open: a stream to a stream of what is inside."""

    name: str
    magic: bytes
    open: Callable[[BinaryIO], BinaryIO]


def _open_zlib(stream: BinaryIO) -> BinaryIO:
    return io.BufferedReader(_Inflated(stream, zlib.decompressobj()))


# joblib/numpy_pickle_compat.py, `read_zfile`: after the magic, the size in 19 characters; joblib of Python 2 wrote
# one more space.
_ZFILE_MAGIC, _ZFILE_SIZE = b"ZF", 19


def _open_zfile(stream: BinaryIO) -> BinaryIO:
    stream.read(len(_ZFILE_MAGIC) + _ZFILE_SIZE)
    buffered = io.BufferedReader(stream)  # type: ignore[type-var]
    if buffered.peek(1)[:1] == b" ":
        buffered.read(1)
    return _open_zlib(buffered)


def _open_lzma(stream: BinaryIO) -> BinaryIO:
    return lzma.open(stream)  # type: ignore[return-value]


def _open_zstd(stream: BinaryIO) -> BinaryIO:
    import zstandard

    return zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)


def _refuse_lz4(stream: BinaryIO) -> BinaryIO:
    raise OSError("LZ4 cannot be looked into")


# joblib/compressor.py and joblib/numpy_pickle_utils.py (`_detect_compressor`), and zstd. zlib's second byte holds the
# level (RFC 1950, 2.2), and what follows LZMA's two bytes is a size of its dictionary, any.
COMPRESSIONS = (
    Compression("gzip", b"\x1f\x8b", gzip.open),  # type: ignore[arg-type]
    Compression("bz2", b"BZh", bz2.open),  # type: ignore[arg-type]
    Compression("xz", b"\xfd7zXZ\x00", _open_lzma),
    Compression("lzma", b"\x5d\x00", _open_lzma),
    Compression("zstd", b"\x28\xb5\x2f\xfd", _open_zstd),
    Compression("lz4", b"\x04\x22\x4d\x18", _refuse_lz4),
    Compression("zfile", _ZFILE_MAGIC, _open_zfile),
    *(Compression("zlib", bytes((0x78, level)), _open_zlib) for level in (0x01, 0x5E, 0x9C, 0xDA)),
)

_MAGICS = tuple(compression.magic for compression in COMPRESSIONS)
FIRST_BYTES = frozenset(magic[:1] for magic in (*_MAGICS, *_ZIP_STARTS))


def compression_of(content: Content) -> Optional[Compression]:
    """Return how a content is compressed, None where it is not."""
    head = content.head(8)
    if not head.startswith(_MAGICS):
        return None
    for compression in COMPRESSIONS:
        if head.startswith(compression.magic):
            if compression.name in ("zlib", "lzma", "zfile") and not _starts(content, compression):
                continue
            return compression
    return None


def _starts(content: Content, compression: Compression) -> bool:
    # Weights may start with the same two bytes.
    try:
        with content.open() as stream, compression.open(stream) as inside:
            inside.read(64)
    except (EOFError, OSError, lzma.LZMAError, zlib.error):
        return False
    return True


def decompressed(content: Content, compression: Compression) -> Content:
    """Return what is inside a compressed content."""
    return content.member(f"({compression.name})", lambda: compression.open(content.open()), None, False)
