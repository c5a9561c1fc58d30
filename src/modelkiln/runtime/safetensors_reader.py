"""Tensors of a safetensors file one by one: of a file that is here, or by range of one that is not.

For inference scripts of packages with lazy weights, and files that the target names in
`on_demand`. The format: safetensors' README, "Format": 8 bytes with the header's size (little
endian), the header (JSON), then the tensors' bytes.
"""

import json
import mmap
import os

from modelkiln.runtime.document import reason_of
from modelkiln.runtime.errors import PackageError

__all__ = ["SafetensorsFile", "open_safetensors"]

# The reference reader's own limit (safetensors/src/tensor.rs, MAX_HEADER_SIZE).
_MAX_HEADER = 100_000_000
# dtype -> bits of an element, and numpy's name where it has one.
_DTYPES = {
    "BOOL": (8, "?"), "U8": (8, "u1"), "I8": (8, "i1"), "F8_E5M2": (8, ""), "F8_E4M3": (8, ""), "F8_E8M0": (8, ""),
    "U16": (16, "<u2"), "I16": (16, "<i2"), "F16": (16, "<f2"), "BF16": (16, ""), "U32": (32, "<u4"),
    "I32": (32, "<i4"), "F32": (32, "<f4"), "U64": (64, "<u8"), "I64": (64, "<i8"), "F64": (64, "<f8"),
}  # fmt: skip


def open_safetensors(path, allow_unverified=False):
    """Return the SafetensorsFile at `path`, below the folder that the inference script was given.

    A file that is not here is read by range from where the weights lock says, and only what is
    asked for is fetched, in chunks whose digests the lock has: they are checked, and kept in the store.
    Without digests (in locks of before there were any) a part cannot be checked: it is then read with
    `allow_unverified` alone, and not kept.
    Raises PackageError.
    """
    if os.path.exists(path):
        return SafetensorsFile(_LocalFile(path), str(path))
    from modelkiln.runtime.weights.ranges import open_ranges

    return SafetensorsFile(open_ranges(path, allow_unverified), str(path))


class _LocalFile:
    def __init__(self, path):
        with open(path, "rb") as stream:
            self.size = os.fstat(stream.fileno()).st_size
            self._map = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)) if self.size else b""

    def read(self, start, end):
        return self._map[start:end]


class SafetensorsFile:
    """names: of all tensors, in the order of their bytes. metadata: {str: str}."""

    def __init__(self, file, where):
        self._file, self._where = file, where
        length = int.from_bytes(bytes(file.read(0, 8)), "little") if file.size >= 8 else -1
        if not 2 <= length <= min(_MAX_HEADER, file.size - 8):
            raise self._broken(f"its header has {length} of {file.size} bytes")
        self._start = 8 + length
        try:
            header = json.loads(bytes(file.read(8, self._start)))
            self.metadata = header.pop("__metadata__", {})
            self._tensors = {name: self._check(name, value) for name, value in header.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._broken(f"its header cannot be read ({reason_of(error)})") from None
        self.names = sorted(self._tensors, key=lambda name: self._tensors[name][2])

    def _check(self, name, value):
        dtype, shape, (begin, end) = value["dtype"], tuple(value["shape"]), value["data_offsets"]
        bits = _DTYPES[dtype][0] if dtype in _DTYPES else None
        for size in shape:
            bits = bits and bits * size
        fits = 0 <= begin <= end <= self._file.size - self._start
        if not fits or (dtype in _DTYPES and (end - begin) * 8 != bits):
            raise self._broken(f'tensor "{name}" ({dtype}, shape {list(shape)}) covers bytes {begin}-{end}')
        return dtype, shape, begin, end

    def _broken(self, what):
        return PackageError(f"{self._where}: is not a safetensors file: {what}. Fetch or export it again.")

    def describe(self, name):
        """Return the dtype (as safetensors calls it) and the shape of a tensor."""
        return self._find(name)[:2]

    def tensor(self, name):
        """Return a tensor: a numpy array that cannot be written, where numpy is there and has its
        dtype (it has no BF16 and no 8-bit floats), else a memoryview of its bytes."""
        dtype, shape, begin, end = self._find(name)
        data = memoryview(self._file.read(self._start + begin, self._start + end))
        try:
            import numpy
        except ImportError:
            return data
        known = _DTYPES.get(dtype, (0, ""))[1]
        return numpy.frombuffer(data, known).reshape(shape) if known else data

    def _find(self, name):
        try:
            return self._tensors[name]
        except KeyError:
            raise PackageError(f'{self._where}: has no tensor "{name}"; it has {", ".join(self.names)}.') from None
