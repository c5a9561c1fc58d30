"""Layers as blobs."""

import gzip
import io
import itertools
import os
import random
import sys
from contextlib import closing

import pytest
import zstandard
from components import require
from readers import run

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


# Of `_packed_data`. They are the same on every machine; a new release of a library may change them, and every layer.
_DIGESTS = {
    "gzip": "sha256:059a0c6bc6d1de2bd228726408512fff16fb48ff8fd7bb7fc71583ae3196baec",
    "zstd": "sha256:5b0965c017521139fc1920f83858cf25fada133311f44638b8df928751d951ce",
}


def _packed_data():
    """1.5 MB that shrink, with matches near and far."""
    words = random.Random(5).sample(range(1 << 32), 1 << 12)
    data = b"".join(word.to_bytes(4, "little") * (word % 61) for word in words)
    return data + b"".join(word.to_bytes(4, "big") for word in words) + data[:1000000]


@pytest.mark.parametrize("compression", sorted(_DIGESTS))
@pytest.mark.parametrize("sizes", [(1 << 22,), (1, 512, 10000), (65536, 7)])
def test_the_bytes_are_those_of_other_machines_and_reads(compression, sizes):
    """Neither the zlib of the distribution, nor the sizes in which a file is read decide them."""
    out, data, done, sizes = io.BytesIO(), _packed_data(), 0, itertools.cycle(sizes)
    with closing(packing._compressor(compression, BlobWriter(out), False)) as compressor:
        while done < len(data):
            done += compressor.write(data[done : done + next(sizes)])
    assert data == UNPACK[compression](out.getvalue())
    assert _DIGESTS[compression] == sha256_bytes(out.getvalue())


@pytest.mark.parametrize("cpu", ["qemu64", "Nehalem", "max"])
def test_the_cpu_does_not_decide_the_bytes(tmp_path, cpu):
    """On a machine without AVX, or without SSE 4.2, a layer is the same blob."""
    entries = "[bytes_entry('a', Path('data').read_bytes())]"
    program = f"""
from pathlib import Path
from modelkiln.archives.tar import bytes_entry
from modelkiln.layers.packing import pack
from modelkiln.store.store import BlobWriter
for compression in ("gzip", "zstd"):
    with open(compression, "wb") as out:
        print(pack({entries}, compression, BlobWriter(out)).descriptor.digest)
"""
    (tmp_path / "data").write_bytes(_packed_data())
    command = [sys.executable, "-c", program]
    env = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": os.environ["PATH"]}
    here = run(command, cwd=tmp_path, env=env)
    assert 2 == len(here.split())
    assert here == run([require("qemu-x86_64-static"), "-cpu", cpu, *command], cwd=tmp_path, env=env)


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
