"""Layers are read in pieces: where these end decides nothing, nor does who hashes them."""

import contextlib
import gzip
import hashlib
import io
import tarfile

import pytest
import zstandard

from modelkiln.descriptor import LAYER
from modelkiln.validation.layer import read_layer, read_raw
from modelkiln.validation.streams import CORES, Forward, busy_core

# As many bytes as are read at once; a header has 512.
PIECE = 1 << 20
SIZES = (0, 1, PIECE - 1024, 511, 513, PIECE, PIECE + 3, 2 * PIECE - 512, 7)


def tar_of(sizes, format=tarfile.PAX_FORMAT):
    """Return a tar with a file of each size, one after the other, each with bytes of its own."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        for number, size in enumerate(sizes):
            member = tarfile.TarInfo(f"{'d' * 120}/{number}")
            member.size = size
            archive.addfile(member, io.BytesIO(bytes([65 + number]) * size))
    return buffer.getvalue()


def wanted_of(data):
    """Return {path: (size, sha256)} of a tar, by tarfile on the whole of it."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        contents = {member.name: archive.extractfile(member).read() for member in archive}
    return {path: (len(content), hashlib.sha256(content).hexdigest()) for path, content in contents.items()}


PACK = {"": bytes, "+gzip": gzip.compress, "+zstd": zstandard.ZstdCompressor().compress}


@pytest.mark.parametrize("are_cores_busy", [False, True])
@pytest.mark.parametrize("compression", PACK)
@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_files_are_the_same_wherever_pieces_end(compression, format, are_cores_busy):
    """Files that end with a piece, before and after its end are all found, with their own content."""
    data = tar_of(SIZES, format)
    blob = PACK[compression](data)
    with contextlib.ExitStack() as busy:
        for _ in range(CORES if are_cores_busy else 0):
            busy.enter_context(busy_core())
        found = read_layer(io.BytesIO(blob), LAYER + compression, ours=False)
        passed = read_layer(io.BytesIO(blob), LAYER + compression, ours=False, hashed=False)
    assert {path: (node.size, node.sha256) for path, node in found.nodes.items()} == wanted_of(data)
    assert {path: node.size for path, node in passed.nodes.items()} == {
        path: one[0] for path, one in wanted_of(data).items()
    }
    for one in (found, passed):
        assert (one.digest, one.size) == ("sha256:" + hashlib.sha256(blob).hexdigest(), len(blob))
        assert (one.diff_id, one.unpacked_size) == ("sha256:" + hashlib.sha256(data).hexdigest(), len(data))
        assert one.problems == []


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize("cut", [100, 512 + PIECE // 2, PIECE, PIECE + 600, 2 * PIECE])
def test_a_tar_that_was_cut_is_a_problem(cut, hashed):
    """Wherever a tar ends before its files do, that is reported, and its blob hashed to the end."""
    data = tar_of((PIECE, PIECE))[:cut]
    found = read_layer(io.BytesIO(data), LAYER, ours=False, hashed=hashed)
    assert found.digest == "sha256:" + hashlib.sha256(data).hexdigest()
    assert [problem for problem in found.problems if problem.startswith("cannot be read as")] != []


def test_the_head_of_a_library_is_whole_at_the_end_of_a_piece():
    """A shared library whose magic number is divided between two pieces is known as one."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in (("before", bytes(PIECE - 1024 - 512)), ("library.so", b"\x7fELF" + bytes(600))):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    shifted = io.BytesIO(buffer.getvalue())
    # A stream that gives less than it is asked for once puts an end into the magic number.
    shifted.read = _divided(shifted.read, PIECE + 2 - 512)
    found = read_layer(shifted, LAYER, ours=False, hashed=False)
    assert found.nodes["library.so"].head == b"\x7fELF" + bytes(252)


def _divided(read, first):
    sizes = iter([first])
    return lambda size=-1: read(next(sizes, size))


def test_what_lies_before_the_pieces_at_hand_is_refused():
    """Going back is for a piece alone; a tar whose map of a sparse file goes back further is not followed."""
    stream = Forward(io.BytesIO(bytes(4 * PIECE)))
    assert stream.seek(3 * PIECE + 1) == 3 * PIECE + 1
    assert stream.seek(2 * PIECE) == 2 * PIECE
    with pytest.raises(tarfile.StreamError):
        stream.seek(PIECE)


@pytest.mark.parametrize("compression", PACK)
def test_what_follows_the_archive_is_found_wherever_it_lies(compression):
    """Zeros may follow an archive, however many; any other byte is named by its offset."""
    data = tar_of([5])
    clean = read_layer(io.BytesIO(PACK[compression](data + bytes(2 * PIECE))), LAYER + compression, ours=False)
    assert clean.problems == []
    hidden = data + bytes(2 * PIECE) + b"x" + bytes(PIECE)
    found = read_layer(io.BytesIO(PACK[compression](hidden)), LAYER + compression, ours=False)
    assert [problem.partition(" after")[0] for problem in found.problems] == [
        f"has bytes up to offset {len(data) + 2 * PIECE + 1}"
    ]


def test_a_file_as_it_is_has_its_digest_and_size():
    """A blob that is no tar is hashed as it comes."""
    data = b"weights" * PIECE
    found = read_raw(io.BytesIO(data))
    assert (found.digest, found.size) == ("sha256:" + hashlib.sha256(data).hexdigest(), len(data))
