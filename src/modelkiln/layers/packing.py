"""From tar entries to a blob: compression, digest, size and diff ID in one pass."""

import hashlib
import os
from typing import BinaryIO, Iterable

from modelkiln.archives.tar import Entry, write_tar
from modelkiln.descriptor import COMPRESSED_LAYER, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.layer import Packed
from modelkiln.store.store import BlobWriter, Store

__all__ = ["pack", "pack_to_store"]

# Level 3 is zstd's own default: wheels shrink to about a quarter in less time than it takes to
# read them from a zip; level 19 saves 10% more in 30 times the time.
_ZSTD_LEVEL = 3

# gzip is written by zlib-ng, locked as zstd is: the zlib that Python finds is the distribution's, and writes other
# bytes on Fedora than on Debian. isal's depend on the CPU. Levels 1, 5 and 6 of zlib-ng depend on the sizes in which
# the data come (deflate_quick, deflate_medium), 7 does not, is faster than zlib's 6, and makes 2% more.
_GZIP_LEVEL = 7

# zstd compresses on several threads by cutting its input into jobs, each of which may refer to the
# end of the one before it (zstd.h, ZSTD_c_jobSize, ZSTD_c_overlapLog). Size and overlap decide the
# bytes, the number of threads does not; both are those that zstd takes for level 3 by itself. A
# thread holds its job's input and output, about 20 MB, so more of them would cost memory.
_ZSTD_JOB = 8 << 20
_ZSTD_OVERLAP = 6
_MAX_THREADS = 4


class _Tee:
    """Passes the uncompressed tar to the compressor and hashes it for the diff ID."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._hasher, self.size = stream, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self._hasher.update(data)
        self.size += len(data)
        self._stream.write(data)
        return len(data)

    @property
    def digest(self) -> str:
        return "sha256:" + self._hasher.hexdigest()


class _Gzip:
    """gzip without a file name or time (RFC 1952), so that equal input gives equal bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        # Not at the top, as zstandard below.
        from zlib_ng import zlib_ng

        # 16 + MAX_WBITS: zlib writes a gzip header with mtime 0 and OS 3 and no name.
        self._zip = zlib_ng.compressobj(_GZIP_LEVEL, zlib_ng.DEFLATED, 16 + zlib_ng.MAX_WBITS)

    def write(self, data: bytes) -> int:
        self._stream.write(self._zip.compress(data))
        return len(data)

    def close(self) -> None:
        self._stream.write(self._zip.flush())


def _threads() -> int:
    # At least one: zstd without threads of its own gives other bytes.
    return max(1, min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1, _MAX_THREADS))


def _compressor(compression: str, blob: BlobWriter, parallel: bool):
    if compression == "gzip":
        return _Gzip(blob)
    # Imported here: only layer processes compress, and Pants' own interpreter, which reads
    # layers' descriptors through this package, need not have zstandard.
    import zstandard

    if parallel:
        parameters = zstandard.ZstdCompressionParameters.from_level(
            _ZSTD_LEVEL, threads=_threads(), job_size=_ZSTD_JOB, overlap_log=_ZSTD_OVERLAP
        )
        compressor = zstandard.ZstdCompressor(compression_params=parameters)
    else:
        compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, threads=0)
    return compressor.stream_writer(blob, closefd=False)


def pack(
    entries: Iterable[Entry], compression: str, blob: BlobWriter, where: str = "layer", parallel: bool = False
) -> Packed:
    """Write `entries` as a layer to `blob`; `compression` is "none", "gzip" or "zstd".

    parallel: zstd uses all cores. The bytes differ from those without, and are the same on any
    number of cores, so whether it is used is part of a packer's version.
    """
    if compression not in COMPRESSED_LAYER:
        raise ModelkilnError(f"{where}: unknown compression {compression!r}; use one of {', '.join(COMPRESSED_LAYER)}.")
    if compression == "none":
        tee = _Tee(blob)
        write_tar(entries, tee, where)
    else:
        compressor = _compressor(compression, blob, parallel)
        tee = _Tee(compressor)
        write_tar(entries, tee, where)
        compressor.close()
    descriptor = Descriptor(COMPRESSED_LAYER[compression], blob.digest, blob.size)
    return Packed(descriptor, tee.digest, tee.size)


def pack_to_store(
    entries: Iterable[Entry], compression: str, store: Store, where: str, parallel: bool = False
) -> Packed:
    """Pack `entries` into a blob of `store`; `parallel` is that of `layers.packing.pack`."""
    with store.writer() as blob:
        packed = pack(entries, compression, blob, where, parallel)
    return packed
