"""Arrays in memory that two processes share: written by one, read by the other.

The memory has no name (memfd_create(2)): nothing of it is left when its processes end, however they end, and it
needs neither /dev/shm, which containers limit to 64 MB, nor a disk that can be written to. On macOS, which has no such
thing, it is a temporary file without a name.
"""

import mmap
import os
import pickle

__all__ = ["SharedArrays"]

_ALIGNMENT = 64
_LEAST = 1 << 20


def _unnamed():
    if hasattr(os, "memfd_create"):
        return os.memfd_create("modelkiln", os.MFD_CLOEXEC)
    import ctypes

    try:
        # A Python that was compiled for a glibc before 2.27, as python-build-standalone's until 2026, lacks it in `os`.
        fd = ctypes.CDLL(None).memfd_create(b"modelkiln", 1)  # MFD_CLOEXEC, linux/memfd.h
    except AttributeError:
        fd = -1
    if fd >= 0:
        return fd
    import tempfile

    fd, path = tempfile.mkstemp(prefix="modelkiln-")
    os.unlink(path)
    return fd


class SharedArrays:
    """A file descriptor of such memory, which grows as it must. fd: of another process' own, or None for a new one."""

    def __init__(self, fd=None):
        self.fd = _unnamed() if fd is None else fd
        self._memory, self._size = None, 0

    def write(self, arrays):
        """Put numpy arrays by name into the memory; returns what `read` needs, a JSON object."""
        import numpy

        places, end, contents = {}, 0, []
        for name, array in arrays.items():
            if array.dtype.hasobject:
                # Text, of bytes or str each: both ends are this very code, in processes of one package.
                data = numpy.frombuffer(pickle.dumps(array.tolist(), protocol=5), dtype="uint8")
                kind = "object"
            else:
                data, kind = array, array.dtype.str
            end = -(-end // _ALIGNMENT) * _ALIGNMENT
            places[name] = [kind, list(array.shape), end, data.nbytes]
            contents.append((end, data))
            end += data.nbytes
        memory = self._mapped(end)
        for start, data in contents:
            numpy.frombuffer(memory, data.dtype, data.size, start).reshape(data.shape)[...] = data
        return {"size": end, "places": places}

    def read(self, described):
        """Return copies of the arrays that `write` described: the memory is written to again."""
        import numpy

        memory, arrays = self._mapped(described["size"]), {}
        for name, (kind, shape, start, size) in described["places"].items():
            if kind == "object":
                arrays[name] = numpy.empty(shape, dtype=object)
                arrays[name][...] = numpy.array(pickle.loads(memory[start : start + size]), dtype=object).reshape(shape)
            else:
                dtype = numpy.dtype(kind)
                flat = numpy.frombuffer(memory, dtype, size // dtype.itemsize, start)
                arrays[name] = flat.reshape(shape).copy()
        return arrays

    def _mapped(self, size):
        if self._memory is None or size > self._size:
            wanted = _LEAST
            while wanted < size:
                wanted *= 2
            if os.fstat(self.fd).st_size < wanted:
                os.ftruncate(self.fd, wanted)
            self._memory, self._size = mmap.mmap(self.fd, wanted), wanted
        return self._memory

    def close(self):
        """Give the memory back."""
        self._memory, self._size = None, 0
        os.close(self.fd)
