"""Tars of others: headers that would fill the memory are refused before they are read."""

import io
import tarfile
import tracemalloc

import pytest

from modelkiln.archives.tar_reader import HEADER_LIMIT, open_tar
from modelkiln.validation.layer import read_layer

_KINDS = {
    "pax": tarfile.XHDTYPE,
    "global pax": tarfile.XGLTYPE,
    "solaris": tarfile.SOLARIS_XHDTYPE,
    "long name": tarfile.GNUTYPE_LONGNAME,
    "long link": tarfile.GNUTYPE_LONGLINK,
}


class _Zeros(io.RawIOBase):
    """A tar whose first header says that it has `size` bytes, which are zeros, on end."""

    def __init__(self, kind, size):
        header = tarfile.TarInfo("header")
        header.type, header.size = kind, size
        self._head, self._left = header.tobuf(tarfile.GNU_FORMAT), size

    def readable(self):
        return True

    def read(self, size=-1):
        if self._head:
            piece, self._head = self._head[:size], self._head[size:]
            return piece
        piece = bytes(min(size, self._left))
        self._left -= len(piece)
        return piece


@pytest.mark.parametrize("kind", _KINDS.values(), ids=_KINDS)
def test_a_header_that_would_fill_the_memory_is_not_read(kind):
    """A layer of some kilobytes that is unpacked to it would be enough."""
    tracemalloc.start()
    try:
        with pytest.raises(tarfile.ReadError, match=f"a header has less than 0 or more than {HEADER_LIMIT} bytes"):
            list(open_tar(_Zeros(kind, 64 << 20), "r|"))
        found = read_layer(_Zeros(kind, 64 << 20), "application/vnd.oci.image.layer.v1.tar", ours=False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [f"a header has less than 0 or more than {HEADER_LIMIT} bytes" in problem for problem in found.problems] == [
        True
    ]
    assert peak < 32 << 20


def _header(kind, size=0):
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def _sparse(blocks, size=0):
    """A member of GNU tar's old kind of sparse files, whose map goes on in `blocks` that say where nothing is."""
    first = bytearray(_header(tarfile.GNUTYPE_SPARSE, size))
    first[482] = 1 if blocks else 0
    first[148:156] = b" " * 8
    first[148:156] = b"%06o\0 " % sum(first)
    return bytes(first) + (b"00000000001\0" * 42 + b"\1").ljust(512, b"\0") * blocks


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (_sparse(2), "a header cannot be read (IndexError)"),
        (_sparse(2049), f"a header has less than 0 or more than {HEADER_LIMIT} bytes"),
        (_header(tarfile.XHDTYPE) * 1500, "a header"),
        (_header(tarfile.XHDTYPE, 2048) + b"9" * 2048, "a header has a number of more than 1000 digits"),
        (_header(tarfile.XHDTYPE, -512) + bytes(2048), f"a header has less than 0 or more than {HEADER_LIMIT} bytes"),
        (_header(tarfile.REGTYPE, -512) + bytes(2048), "'header' has -512 bytes"),
        (_sparse(0, 1 << 80) + bytes(2048), "'header' has 12"),
        (_header(tarfile.REGTYPE, 1 << 80) + bytes(2048), f"'header' has {1 << 80} bytes"),
    ],
    ids=[
        "cut map",
        "long map",
        "headers of headers",
        "digits",
        "negative header",
        "negative file",
        "large map",
        "large file",
    ],
)
@pytest.mark.parametrize("mode", ["r:", "r|"])
def test_what_tarfile_stumbles_over_is_damage(data, problem, mode):
    """An IndexError or a RecursionError would be a traceback for who verifies such a layer, and digits a long wait."""
    with pytest.raises(tarfile.TarError) as caught:
        list(open_tar(io.BytesIO(data), mode))
    assert str(caught.value).startswith(problem)


def test_long_names_and_attributes_are_read():
    """Names of a thousand characters and attributes of 64 KiB, which Linux allows, are what such headers are for."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("x/" * 500 + "x")
        info.pax_headers = {"SCHILY.xattr.user.note": "n" * (64 << 10)}
        archive.addfile(info)
    written.seek(0)
    (member,) = open_tar(written, "r:")
    assert ("x/" * 500 + "x", 64 << 10) == (member.name, len(member.pax_headers["SCHILY.xattr.user.note"]))
