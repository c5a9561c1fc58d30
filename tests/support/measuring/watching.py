"""Which files are opened or read, by whichever process and name: Linux reports it for each inode."""

import ctypes
import os
import struct
from contextlib import contextmanager

__all__ = ["watched"]

# inotify(7)
_ACCESS, _OPEN = 0x1, 0x20
_EVENT = struct.Struct("iIII")


class _Watch:
    """Files that the kernel watches through the descriptor `queue`."""

    def __init__(self, queue):
        self._queue, self._paths = queue, {}
        self._libc = ctypes.CDLL(None, use_errno=True)

    def add(self, path):
        """Watch the file at `path`, under all of its names."""
        number = self._libc.inotify_add_watch(self._queue, os.fsencode(path), _ACCESS | _OPEN)
        if number < 0:
            raise OSError(ctypes.get_errno(), f"{path}: cannot be watched")
        self._paths[number] = path

    def touched(self):
        """Return the files that were opened or read since the last call. A stat is neither, a mapping needs an open."""
        found, data = set(), b""
        try:
            while True:
                data = os.read(self._queue, 1 << 16)
                while data:
                    number, _, _, length = _EVENT.unpack_from(data)
                    data = data[_EVENT.size + length :]
                    found.add(self._paths[number])
        except BlockingIOError:
            return found


@contextmanager
def watched(paths):
    """Watch files; the block gets what `touched` asks."""
    libc = ctypes.CDLL(None, use_errno=True)
    queue = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if queue < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1")
    try:
        watch = _Watch(queue)
        for path in paths:
            watch.add(path)
        yield watch
    finally:
        os.close(queue)
