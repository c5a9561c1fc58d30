"""Layers as blobs."""

import gzip
import io
import random

import pytest
import zstandard

from modelkiln.archives.tar import bytes_entry
from modelkiln.digest import sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.layers import packing
from modelkiln.layers.packing import pack
from modelkiln.store.store import BlobWriter

UNPACK = {
    "none": bytes,
    "gzip": gzip.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


@pytest.mark.parametrize("compression", sorted(UNPACK))
def test_digest_and_diff_id_are_those_of_the_bytes(compression):
    """The descriptor is the blob's, the diff ID that of the tar inside."""
    out = io.BytesIO()
    packed = pack([bytes_entry("a", b"x" * 5000)], compression, BlobWriter(out))
    assert sha256_bytes(out.getvalue()) == packed.descriptor.digest
    assert len(out.getvalue()) == packed.descriptor.size
    tar = UNPACK[compression](out.getvalue())
    assert sha256_bytes(tar) == packed.diff_id
    assert len(tar) == packed.unpacked_size


@pytest.mark.parametrize("compression", sorted(UNPACK))
def test_packing_twice_gives_the_same_bytes(compression):
    """Nothing but the entries decides the blob."""
    digests = {
        pack([bytes_entry("a", b"x" * 5000)], compression, BlobWriter(io.BytesIO())).descriptor.digest for _ in range(2)
    }
    assert 1 == len(digests)


def test_an_unknown_compression_is_refused():
    """The error names the value and the choices."""
    with pytest.raises(ModelkilnError, match="'xz'; use one of none, gzip, zstd"):
        pack([], "xz", BlobWriter(io.BytesIO()))


def test_the_number_of_cores_does_not_decide_the_bytes(monkeypatch):
    """A layer that is compressed on one thread, two or eight is the same blob, and reads back."""
    # Several jobs of zstd's, that shrink and refer to each other.
    words = random.Random(5).sample(range(1 << 32), 1 << 14)
    data = b"".join(word.to_bytes(4, "little") * (word % 97) for word in words)
    digests = set()
    for threads in (1, 2, 8):
        monkeypatch.setattr(packing, "_threads", lambda threads=threads: threads)
        out = io.BytesIO()
        packed = pack([bytes_entry("a", data * 8)], "zstd", BlobWriter(out), parallel=True)
        digests.add(packed.descriptor.digest)
        reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(out.getvalue()), read_across_frames=True)
        assert packed.diff_id == sha256_bytes(reader.read())
    assert packed.unpacked_size > 2 * packing._ZSTD_JOB
    assert 1 == len(digests)
