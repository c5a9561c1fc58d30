"""Layers that try to get out of their root."""

import gzip
import hashlib
import io
import tarfile

import pytest

from modelkiln.descriptor import COMPRESSED_LAYER, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.smoke.rootfs import RootLayer, unpack

FILE, DIR, SYMLINK, HARDLINK = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE

# name -> (entries: (name, type, link), a part of the message)
HOSTILE = {
    "absolute": ([("/outside", FILE, "")], "could write outside"),
    "dots": ([("a/../../outside", FILE, "")], "could write outside"),
    "link-out": ([("a", SYMLINK, "../outside")], "leaves the layer"),
    "empty-link": ([("a", SYMLINK, "")], "empty or broken target"),
    "deep-link-out": ([("a/b", SYMLINK, "../../outside")], "leaves the layer"),
    "link-circle": ([("a", SYMLINK, "b"), ("b", SYMLINK, "a"), ("a/x", FILE, "")], "go in circles"),
    "hard-link-out": ([("a", HARDLINK, "../outside")], "could write outside"),
    "hard-link-to-nothing": ([("a", HARDLINK, "absent")], "which is not there"),
    "hard-link-to-folder": ([("d", DIR, ""), ("a", HARDLINK, "d")], "which is not there"),
    "device": ([("null", tarfile.CHRTYPE, "")], "is a device"),
    "block-device": ([("disk", tarfile.BLKTYPE, "")], "is a device"),
    "fifo": ([("pipe", tarfile.FIFOTYPE, "")], "is a device"),
    "whiteout-of-parent": ([("d/.wh...", FILE, "")], "names no file"),
    "whiteout-of-itself": ([("d/.wh..", FILE, "")], "names no file"),
    "whiteout-of-nothing": ([("d/.wh.", FILE, "")], "names no file"),
    "file-as-folder": ([("a", FILE, ""), ("a/b", FILE, "")], "is a file and not a folder"),
}


def layer_of(folder, entries):
    """Write the entries, as they are, into a layer."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind, link in entries:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            archive.addfile(info)
    return blob_of(folder, buffer.getvalue(), buffer.getvalue(), "none")


def blob_of(folder, blob, tar, compression):
    """A layer with the given bytes."""
    path = folder / "blob"
    path.write_bytes(blob)
    diff_id = "sha256:" + hashlib.sha256(tar).hexdigest()
    return RootLayer(Descriptor.of(COMPRESSED_LAYER[compression], blob), diff_id, lambda: path.open("rb"))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_entry_is_refused(tmp_path, name):
    """Nothing outside of the root is touched, and the message says why."""
    entries, message = HOSTILE[name]
    root = tmp_path / "inner" / "root"
    root.mkdir(parents=True)
    (tmp_path / "inner" / "outside").write_text("untouched")
    with pytest.raises(ModelkilnError, match=message):
        unpack([layer_of(tmp_path, entries)], root)
    assert "untouched" == (tmp_path / "inner" / "outside").read_text()
    assert {"outside", "root"} == {path.name for path in (tmp_path / "inner").iterdir()}


def test_absolute_links_lead_into_the_root(tmp_path):
    """A link to /etc is the root's own /etc while later entries are written through it."""
    root = tmp_path / "root"
    root.mkdir()
    unpack([layer_of(tmp_path, [("conf", SYMLINK, "/etc"), ("conf/modelkiln-hostile", FILE, "")])], root)
    assert (root / "etc" / "modelkiln-hostile").is_file()


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
@pytest.mark.parametrize("data", [b"", b"garbage" * 200, gzip.compress(b"no tar" * 400)[:-9]])
def test_bytes_that_are_no_layer_are_refused(tmp_path, data, compression):
    """Garbage gets a message of ours, not a traceback."""
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(ModelkilnError, match="layer sha256:"):
        unpack([blob_of(tmp_path, data, b"", compression)], root)
