"""Layers made entry by entry, also ones that our own writer would refuse."""

import gzip
import hashlib
import io
import tarfile

from modelkiln.descriptor import COMPRESSED_LAYER, Descriptor
from modelkiln.smoke.rootfs import RootLayer

__all__ = ["entry", "raw_layer"]


def entry(name, data=b"", kind=tarfile.REGTYPE, link="", mode=0o644):
    """Return (TarInfo, bytes)."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.size = kind, link, mode, len(data)
    return info, data


def raw_layer(folder, *entries, compression="none", diff_id=None):
    """Write a layer's blob into `folder` and return it as a RootLayer."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    tar = buffer.getvalue()
    blob = _compress(tar, compression)
    descriptor = Descriptor.of(COMPRESSED_LAYER[compression], blob)
    path = folder / descriptor.digest
    path.write_bytes(blob)
    return RootLayer(descriptor, diff_id or "sha256:" + hashlib.sha256(tar).hexdigest(), lambda: path.open("rb"))


def _compress(tar, compression):
    if compression == "none":
        return tar
    if compression == "gzip":
        return gzip.compress(tar, mtime=0)
    import zstandard

    return zstandard.compress(tar)
