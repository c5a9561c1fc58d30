"""Layers unpacked as a container runtime does it."""

import dataclasses
import subprocess
import tarfile
from pathlib import Path

import pytest
from components import require
from samples.random_image import make_image
from samples.rawtar import entry, raw_layer

from modelkiln.errors import ModelkilnError
from modelkiln.smoke.rootfs import unpack
from modelkiln.smoke.runnable_image import open_image
from modelkiln.store.store import Store

DIR, SYMLINK, HARDLINK = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


@pytest.fixture
def root(tmp_path):
    """An empty root."""
    path = tmp_path / "root"
    path.mkdir()
    return path


def tree(root):
    """Paths of all files and links below `root`, with their content."""
    return {
        str(path.relative_to(root)): "-> " + str(path.readlink()) if path.is_symlink() else path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_every_compression_is_read(tmp_path, root, compression):
    """A layer's tar is the same whatever it is compressed with."""
    unpack([raw_layer(tmp_path, entry("./a/b", b"1", mode=0o755), compression=compression)], root)
    assert {"a/b": "1"} == tree(root)
    assert 0o755 == (root / "a/b").stat().st_mode & 0o7777


def test_later_layers_overlay_earlier_ones(tmp_path, root):
    """Files replace files, folders files, files folders; other files stay."""
    lower = raw_layer(tmp_path, entry("keep", b"1"), entry("file", b"1"), entry("dir/a", b"1"), entry("was-file", b"1"))
    upper = raw_layer(
        tmp_path, entry("file", b"2"), entry("dir", b"2"), entry("was-file", kind=DIR), entry("was-file/a", b"2")
    )
    unpack([lower, upper], root)
    assert {"keep": "1", "file": "2", "dir": "2", "was-file/a": "2"} == tree(root)


def test_whiteouts_remove_what_lies_below(tmp_path, root):
    """A whiteout spares what its own layer has put there, before or after it."""
    lower = raw_layer(tmp_path, *(entry(name, b"1") for name in ("a", "b", "d/x", "d/y", "e/x/1", "e/y")))
    upper = raw_layer(
        tmp_path, entry("b", b"2"), entry(".wh.a"), entry(".wh.b"), entry(".wh.d"), entry(".wh.absent"),
        entry("e/x/2", b"2"), entry("e/.wh..wh..opq"), entry("e/z", b"2"), entry(".wh..wh.plnk"),
    )  # fmt: skip
    unpack([lower, upper], root)
    assert {"b": "2", "e/x/2": "2", "e/z": "2"} == tree(root)


def test_links_of_lower_layers_are_followed_inside_the_root(tmp_path, root):
    """On a base where lib is a link to usr/lib, lib/x is usr/lib/x; absolute links start at the root."""
    lower = raw_layer(
        tmp_path, entry("usr/lib", kind=DIR), entry("lib", kind=SYMLINK, link="usr/lib"),
        entry("abs", kind=SYMLINK, link="/usr"),
    )  # fmt: skip
    upper = raw_layer(tmp_path, entry("lib/x", b"1"), entry("abs/y", b"2"), entry("z", kind=HARDLINK, link="lib/x"))
    unpack([lower, upper], root)
    assert {"abs": "-> /usr", "lib": "-> usr/lib", "usr/lib/x": "1", "usr/y": "2", "z": "1"} == tree(root)
    assert (root / "z").stat().st_ino == (root / "usr/lib/x").stat().st_ino


def test_set_id_bits_are_dropped_and_the_owner_can_read(tmp_path, root):
    """Modes are those of the layer, as far as an unprivileged root goes."""
    entries = (entry("a", b"", mode=0o4755), entry("d", kind=DIR, mode=0o500), entry("d/b", mode=0))
    unpack([raw_layer(tmp_path, *entries)], root)
    modes = [(root / name).stat().st_mode & 0o7777 for name in ("a", "d", "d/b")]
    assert [0o755, 0o700, 0o400] == modes


def test_an_image_unpacks_as_umoci_does(tmp_path, root):
    """Somebody else's reader gets the same files."""
    umoci = require("umoci")
    made = make_image(tmp_path / "image", compression="gzip")
    unpack(open_image(made.path, [], Store(tmp_path / "store")).layers, root)
    tag = next(iter(open_tags(made.path)))
    command = [umoci, "unpack", "--rootless", "--image", f"{made.path}:{tag}", str(tmp_path / "bundle")]
    subprocess.run(command, check=True, capture_output=True)
    assert raw_tree(tmp_path / "bundle" / "rootfs") == raw_tree(root)


def open_tags(path):
    """Tags of a layout."""
    from modelkiln.image.layout import Layout

    return [manifest.name for manifest in Layout(path).manifests()]


def raw_tree(root):
    """Paths with modes and content."""
    return {
        str(path.relative_to(root)): (
            path.lstat().st_mode,
            path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None,
        )
        for path in sorted(root.rglob("*"))
    }


def test_a_damaged_blob_is_refused(tmp_path, root):
    """One changed bit of content shows in the digest."""
    layer = raw_layer(tmp_path, entry("a", b"1" * 100))
    data = bytearray(Path(layer.open().name).read_bytes())
    data[600] ^= 1
    Path(layer.open().name).write_bytes(data)
    with pytest.raises(ModelkilnError, match="got digest and size .* want .* The blob is damaged"):
        unpack([layer], root)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_truncated_blob_is_refused(tmp_path, root, compression):
    """Half a layer is not a layer."""
    layer = raw_layer(tmp_path, entry("a", bytes(range(256)) * 40), compression=compression)
    path = Path(layer.open().name)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ModelkilnError, match=layer.descriptor.digest):
        unpack([layer], root)


def test_another_diff_id_is_refused(tmp_path, root):
    """The config names the tar that the blob holds."""
    layer = raw_layer(tmp_path, entry("a"), compression="gzip", diff_id="sha256:" + "0" * 64)
    with pytest.raises(ModelkilnError, match="want sha256:0000.* of the image's config"):
        unpack([layer], root)


def test_an_unknown_media_type_is_refused(tmp_path, root):
    """Only OCI's own three are read."""
    layer = raw_layer(tmp_path, entry("a"))
    descriptor = dataclasses.replace(layer.descriptor, media_type="application/x-tar")
    with pytest.raises(ModelkilnError, match="media type 'application/x-tar'"):
        unpack([dataclasses.replace(layer, descriptor=descriptor)], root)
