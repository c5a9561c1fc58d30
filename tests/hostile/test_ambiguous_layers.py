"""Layers that tarfile and Go's archive/tar, and so container engines, do not read alike: none of them is verified."""

import struct
import subprocess
import tarfile

import pytest
import zstandard
from components import require
from samples.broken_layout import Broken

from modelkiln.archives.tar_reader import open_tar
from modelkiln.cli.main import main

CODE = b"def predict(inputs, model):\n    return {}\n"
LISTED, HIDDEN = "app/models/digits/predict.py", "opt/venv/lib/python3.11/site-packages/x.pth"
END = bytes(1024)


def header(name, size=0, kind=b"0", mode=0o644, **fields):
    """A header block of `name`. fields: bytes by where they go, `at124` for one, as nobody writes them."""
    info = tarfile.TarInfo(name)
    info.size, info.type, info.mode = size, kind, mode
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    for place, data in fields.items():
        start = int(place[2:])
        block[start : start + len(data)] = data
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def member(name, data=b"", **fields):
    """A whole file."""
    return header(name, len(data), **fields) + data + bytes(-len(data) % 512)


def long_name(name, **fields):
    """GNU's header of a name."""
    return member("././@LongLink", name.encode() + b"\0", kind=b"L", **fields)


def pax(kind=b"x", **values):
    """A PAX header; each value is short."""
    lines = [f" {key}={value}\n" for key, value in values.items()]
    return member("././@PaxHeader", "".join(f"{len(line) + 2}{line}" for line in lines).encode(), kind=kind)


def folders(*names):
    """Entries of folders."""
    return b"".join(header(f"{name}/", kind=b"5", mode=0o755) for name in names)


def shadow():
    """Files behind a name whose length begins with a zero byte: tarfile takes it for 0, and skips what has no name."""
    files = member("ignored", b"import os\n") + END
    return member(LISTED, CODE) + header("././@LongLink", kind=b"L", at124=b"\0%010o\0" % 512) + member(HIDDEN, files)


# name -> (what a layer of code consists of, where engines see what nobody recorded, or None where they see nothing)
AMBIGUOUS = {
    "zero-before-a-number": (shadow(), HIDDEN),
    "two-pax": (pax(path=LISTED) + pax(path=HIDDEN) + member("x", CODE), HIDDEN),
    "two-long-names": (long_name(LISTED) + long_name(HIDDEN) + member("x", CODE), HIDDEN),
    "pax-and-long-name": (pax(path=LISTED) + long_name(HIDDEN) + member("x", CODE), HIDDEN),
    "long-name-and-pax": (long_name(LISTED) + pax(path=HIDDEN) + member("x", CODE), None),
    "pax-and-global": (pax(path=LISTED) + pax(b"g", comment="x") + member(HIDDEN, CODE), None),
    "solaris-pax": (pax(b"X", path=LISTED) + member(HIDDEN, CODE), None),
    "prefix-without-format": (member("models/digits/predict.py", CODE, at257=bytes(8), at345=b"app"), "models/digits"),
    "prefix-of-gnu": (member("models/digits/predict.py", CODE, at257=b"ustar  \0", at345=b"app"), None),
    "bytes-behind-a-name": (long_name(LISTED + "\0x") + member("x", CODE), None),
    "contiguous": (member(LISTED, CODE, kind=b"7"), None),
    "hard-link": (member(LISTED, CODE) + header(HIDDEN, kind=b"1", at157=LISTED.encode()), HIDDEN),
    "root": (member(LISTED, CODE) + header("./", kind=b"5", mode=0o755), None),
}


@pytest.mark.parametrize("name", sorted(AMBIGUOUS))
def test_a_layer_that_engines_read_otherwise_is_not_verified(name, tmp_path, capsys):
    """Every file that tarfile finds is as recorded; umoci, as podman and containerd, unpacks something else."""
    members, elsewhere = AMBIGUOUS[name]
    broken = Broken(tmp_path)
    broken.replace_layer("code", folders("app", "app/models", "app/models/digits") + members + END)
    assert 1 == main(["verify", str(broken.path)])
    said = capsys.readouterr()
    assert "layers[5] (code: code)" in said.err
    assert "" == said.out, "nothing of what it claims to be is printed"
    if elsewhere:
        assert (unpacked(broken.path, tmp_path / "unpacked") / elsewhere).exists()


def unpacked(layout, folder):
    """Where umoci, which is written in Go, has unpacked a layout."""
    command = [require("umoci"), "unpack", "--rootless", "--image", f"{layout}:1.2.0", folder]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "rootfs"


def test_a_plain_layer_is_verified(tmp_path):
    """The same members, each written once and as POSIX has it, are taken."""
    broken = Broken(tmp_path)
    broken.replace_layer("code", folders("app", "app/models", "app/models/digits") + member(LISTED, CODE) + END)
    assert 0 == main(["verify", str(broken.path)])


def test_a_blob_of_zstd_begins_with_a_frame_of_zstd(tmp_path, capsys):
    """What stands before it, readers skip or do not; the layer's diff ID, of what follows, is right."""
    broken = Broken(tmp_path)
    number, data = broken.layer("code")
    skipped = struct.pack("<II", 0x184D2A50, 16) + bytes(16)
    blob = skipped + zstandard.ZstdCompressor().compress(data)
    described = broken.put(blob, broken.manifest["layers"][number]["digest"])
    broken.manifest["layers"][number].update(described, mediaType="application/vnd.oci.image.layer.v1.tar+zstd")
    broken.save()
    assert 1 == main(["verify", str(broken.path)])
    assert "does not begin with a frame of zstd" in capsys.readouterr().err


@pytest.mark.parametrize(
    "parts",
    [
        member("a/b.txt", b"x", at257=b"ustar  \0", at345=b"usr/share"),
        pax(b"g", comment="x") + pax(b"g", comment="y") + pax(path="usr/share/a/b.txt") + member("x", b"x"),
        long_name("usr/share/a/b.txt") + member("x", b"x"),
    ],
    ids=["go-before-1.8", "git-archive", "gnu"],
)
def test_archives_of_others_are_read(parts, tmp_path):
    """What tools really write, and all readers take alike, stays readable."""
    (tmp_path / "a.tar").write_bytes(parts + END)
    with (tmp_path / "a.tar").open("rb") as stream, open_tar(stream, "r:") as archive:
        assert ["usr/share/a/b.txt"] == archive.getnames()
