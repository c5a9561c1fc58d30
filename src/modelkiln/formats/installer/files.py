"""Files of zip archives, which may lie in another one, written by as many processes as there are cores."""

import errno
import io
import os
import shutil
import zipfile
import zlib

__all__ = ["Copied", "Member", "Unusual", "Window", "checked", "member_start", "unpack", "write"]

_CHUNK = 1 << 20
# Compressed bytes for each process: with fewer, it takes longer to start than it saves.
_SHARE = 1 << 20


class Unusual(Exception):
    """What is left to Pex."""


class Copied:
    """A file to write to `target`: all of the file `source`."""

    def __init__(self, target, source):
        self.target, self._source = target, source
        self.size = os.path.getsize(source)

    def run(self):
        """Write it."""
        shutil.copyfile(self._source, self.target)


class Member:
    """A file to write to `target`: the member `info` of the archive that starts at `start` of the file `fd`."""

    def __init__(self, target, fd, start, info):
        self.target, self._fd, self._start, self._info = target, fd, start, info
        self.size = info.compress_size

    def run(self):
        """Write it; raises ValueError where it is damaged."""
        mode = 0o777 if self._info.external_attr >> 16 & 0o111 else 0o666
        with open(os.open(self.target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
            found = self._copy(stream)
        if found != (self._info.CRC, self._info.file_size):
            raise ValueError(f"{self._info.filename} is damaged")

    def _copy(self, stream):
        start, left = member_start(self._fd, self._start, self._info), self._info.compress_size
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS) if self._info.compress_type == zipfile.ZIP_DEFLATED else None
        crc32 = size = 0
        while left:
            data = os.pread(self._fd, min(left, _CHUNK), start)
            if not data:
                raise ValueError(f"{self._info.filename} ends too early")
            start, left = start + len(data), left - len(data)
            if unpacker:
                data = unpacker.decompress(data) + (b"" if left else unpacker.flush())
            crc32, size = zlib.crc32(data, crc32), size + len(data)
            stream.write(data)
        return crc32, size


class Window(io.RawIOBase):
    """`size` bytes of the file `fd` from `start` on, as a file that `zipfile` reads."""

    def __init__(self, fd, start, size):
        super().__init__()
        self._fd, self._start, self._size, self._at = fd, start, size, 0

    def seekable(self):
        return True

    def seek(self, offset, whence=0):
        self._at = (0, self._at, self._size)[whence] + offset
        if self._at < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return self._at

    def tell(self):
        return self._at

    def read(self, size=-1):
        left = max(0, self._size - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        data = os.pread(self._fd, wanted, self._start + self._at)
        self._at += len(data)
        return data


def member_start(fd, start, info):
    """Return where a member's bytes begin: its header says how long its names are, which the directory need not."""
    position = start + info.header_offset
    header = os.pread(fd, 30, position)  # PKWARE, APPNOTE.TXT, 4.3.7
    return position + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")


def checked(info):
    """Return a member's path; raises Unusual for one that would lie elsewhere, or that is packed in another way."""
    parts = info.filename.split("/")
    if "\\" in info.filename or any(part in ("", ".", "..") for part in parts) or info.flag_bits & 1:
        raise Unusual(info.filename)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.external_attr >> 28 == 0o12:
        raise Unusual(info.filename)
    return info.filename


def write(path, data, mode=0o666):
    """Write a new file."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
        stream.write(data)


def unpack(files):
    """Write files (`Copied` or `Member`), side by side; raises OSError or ValueError where one cannot be."""
    for folder in sorted({os.path.dirname(file.target) for file in files}):
        os.makedirs(folder, exist_ok=True)
    files = sorted(files, key=lambda file: -file.size)
    count = max(1, min(len(os.sched_getaffinity(0)), sum(file.size for file in files) // _SHARE))
    shares, sizes = [[] for _ in range(count)], [0] * count
    for file in files:
        least = sizes.index(min(sizes))
        shares[least].append(file)
        sizes[least] += file.size + 4096  # A file takes time, however small it is.
    own, children = shares[0], []
    try:
        for share in shares[1:]:
            child = _fork(share)
            if child is None:
                own += share
            else:
                children.append(child)
        _write_all(own)
    finally:
        codes = [os.waitpid(child, 0)[1] for child in children]
    if any(codes):
        raise OSError("a process that unpacks files failed")


def _fork(files):
    """Return the process that writes them; None where there may be no more processes."""
    try:
        child = os.fork()
    except OSError:
        return None
    if child:
        return child
    code = 1
    try:
        _write_all(files)
        code = 0
    finally:
        os._exit(code)  # With its error: Pex meets it, too, and reports it.


def _write_all(files):
    for file in files:
        file.run()
