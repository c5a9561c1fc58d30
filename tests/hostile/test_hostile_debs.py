"""Debian packages that want to do harm are refused before anything is written."""

import io
import tarfile

import pytest

# The makers of fixtures live with the engine's tests.
from samples.debs import make_deb, pinned_lock, put_deb, tar_of

from modelkiln.base.debian_package import iter_data, read_control
from modelkiln.errors import ModelkilnError
from modelkiln.layers import debian
from modelkiln.recipe import DEBIAN, Recipe
from modelkiln.store.store import Store

LINK, HARD = tarfile.SYMTYPE, tarfile.LNKTYPE
BAD_MEMBERS = {
    "absolute": ([("/etc/passwd", b"x")], "not a clean relative path"),
    "dot-dot": ([("./usr/../../x", b"x")], "not a clean relative path"),
    "dot-dot-folder": ([("../", {"type": tarfile.DIRTYPE})], "not a clean relative path"),
    "backslash": ([("./a\\b", b"x")], "not a clean relative path"),
    "link-out": ([("./a", {"type": LINK, "linkname": "../x"})], "leaves the layer"),
    "absolute-link-out": ([("./a/b", {"type": LINK, "linkname": "/a/../../x"})], "leaves the layer"),
    "empty-link": ([("./a", {"type": LINK, "linkname": ""})], "empty or broken target"),
    "hard-link-out": ([("./a", {"type": HARD, "linkname": "../x"})], "not a clean relative path"),
    "device": ([("./dev/sda", {"type": tarfile.BLKTYPE})], "is a device, a FIFO"),
    "character-device": ([("./dev/mem", {"type": tarfile.CHRTYPE})], "is a device, a FIFO"),
    "fifo": ([("./run/fifo", {"type": tarfile.FIFOTYPE})], "is a device, a FIFO"),
    "setuid": ([("./usr/bin/su", {"data": b"x", "mode": 0o4755})], "setuid or setgid bit (mode 4755)"),
    "setgid": ([("./usr/bin/at", {"data": b"x", "mode": 0o2755})], "setuid or setgid bit (mode 2755)"),
    "twice": ([("./a", b"x"), ("./a", b"y")], "'a' occurs twice"),
    "twice-in-other-words": ([("./a", b"x"), ("a", b"y")], "'a' occurs twice"),
}


def read_all(data):
    """Read every entry and every content of the package `data`."""
    for _, content in iter_data(io.BytesIO(data), "evil 1.0"):
        if content:
            content.read()


@pytest.mark.parametrize("case", BAD_MEMBERS)
def test_a_hostile_entry_is_refused(case):
    """An entry that could leave the root or change who may do what is refused by name."""
    members, message = BAD_MEMBERS[case]
    with pytest.raises(ModelkilnError) as caught:
        read_all(make_deb(members))
    assert str(caught.value).startswith("evil 1.0: ") and message in str(caught.value)


WHOLE = make_deb([("./a", b"x" * 100_000), ("./b", bytes(range(256)) * 500)], ending=".xz")
BROKEN = {
    "empty": b"",
    "no ar": b"PK\3\4" + b"x" * 200,
    "header only": b"!<arch>\n",
    "cut in the data": WHOLE[:-200],
    "cut in a header": WHOLE[:30],
    "negative size": b"!<arch>\n" + f"{'data.tar.xz':<48}{'-5':<10}`\n".encode(),
    "size of another world": b"!<arch>\n" + f"{'data.tar.xz':<48}{'9' * 10:<10}`\n".encode() + b"x" * 64,
    "not xz": make_deb(data=b"not xz at all, sorry"),
    "not gzip": make_deb(data=b"not gzip", ending=".gz"),
    "not zstd": make_deb(data=b"not zstd", ending=".zst"),
    "no tar": make_deb(data=b"y" * 2048, ending=""),
    "tar cut in a file": make_deb(data=tar_of([("./a", b"x" * 5000)])[:3000], ending=""),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_damaged_package_is_refused(case):
    """A package that is cut, or not what it says, gives one readable error."""
    with pytest.raises(ModelkilnError, match=r"^evil 1.0: "):
        read_all(BROKEN[case])


def test_a_flipped_bit_in_the_data_is_noticed():
    """xz's own checksum fails on a changed byte, and the error says that the package is damaged."""
    at = len(WHOLE) - 120
    with pytest.raises(ModelkilnError, match="damaged"):
        read_all(WHOLE[:at] + bytes([WHOLE[at] ^ 0x10]) + WHOLE[at + 1 :])


@pytest.mark.parametrize("control", ["", "Version: 1\n", "Package: a\n\nPackage: dpkg\nStatus: install ok installed\n"])
def test_a_control_file_that_would_forge_the_database_is_refused(control):
    """dpkg's database gets one paragraph a package, not what a package smuggles in."""
    with pytest.raises(ModelkilnError, match="no well-formed control file"):
        read_control(io.BytesIO(make_deb(control=control)), "evil 1.0")


def build(store, *packages):
    """Make a base of `packages`, without an interpreter."""
    entry = {**packages[0], "name": "python3.11-minimal"}
    lock = {**pinned_lock(), "packages": sorted([*packages[1:], entry], key=lambda one: one["name"])}
    return debian.build(Recipe.made_by(DEBIAN, {"compression": "none", "lock": lock, "bytecode": None}), store)


@pytest.mark.parametrize("path", ["app/x", "models/w.bin", "opt/venv/bin/python", "opt/venv"])
def test_a_package_does_not_write_where_other_layers_do(tmp_path, path):
    """Paths of the code, the weights and the environment are theirs alone."""
    store = Store(tmp_path)
    with pytest.raises(ModelkilnError, match="is for other layers of a package"):
        build(store, put_deb(store, [(f"./{path}", b"x")]))


def test_two_packages_with_one_path_are_refused(tmp_path):
    """Two owners of a path are named; also when only the merged /usr makes it one path."""
    store = Store(tmp_path)
    one = put_deb(store, [("./lib/x.so", b"one")])
    two = put_deb(store, [("./usr/lib/x.so", b"two")], name="zwei")
    with pytest.raises(ModelkilnError, match=r"zwei 1.0: /usr/lib/x.so is in .* as well"):
        build(store, one, two)


def test_a_file_below_a_link_is_refused(tmp_path):
    """A package cannot write through another's link."""
    store = Store(tmp_path)
    one = put_deb(store, [("./etc/a", {"type": LINK, "linkname": "/usr/share"})])
    two = put_deb(store, [("./etc/a/b", b"x")], name="zwei")
    with pytest.raises(ModelkilnError, match="'etc/a' is both a symlink and a directory"):
        build(store, one, two)
    assert list((tmp_path / "incoming").iterdir()) == []


def test_a_hard_link_to_what_is_not_there_is_refused(tmp_path):
    """A hard link is a copy of an earlier file of its own package, and nothing else."""
    store = Store(tmp_path)
    with pytest.raises(ModelkilnError, match="is a hard link to 'etc/shadow'"):
        build(store, put_deb(store, [("./a", {"type": HARD, "linkname": "./etc/shadow"})]))
