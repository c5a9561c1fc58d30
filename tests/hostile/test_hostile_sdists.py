"""Sdists that want to write elsewhere, that are damaged, or that never end, are refused before anything runs."""

import gzip
import io
import tarfile
import zipfile

import pytest

# The makers of fixtures live with the engine's tests.
from samples.sdists import make_sdist, tar_of

from modelkiln.errors import ModelkilnError
from modelkiln.wheels.sdist import unpack_sdist

NAME = "demo-1.0.tar.gz"


def _entry(name, kind=tarfile.REGTYPE, link="", data=b""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info, data


def _refused(folder, data, message, name=NAME):
    """Unpack, and see that it is refused and leaves nothing."""
    (folder / "archive").write_bytes(data)
    with pytest.raises(ModelkilnError, match=f"^{name}: .*({message}).*Refused"):
        unpack_sdist(folder / "archive", name, folder / "inner" / "src")
    assert ["archive", "inner"] == sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([_entry("../evil")], "not a clean relative path"),
        ([_entry("/evil")], "not a clean relative path"),
        ([_entry("demo-1.0/a/../../../evil")], "not a clean relative path"),
        ([_entry("demo-1.0/a\\..\\evil")], "not a clean relative path"),
        ([_entry("other/x")], "not below the one folder"),
        ([_entry("demo-1.0")], "not below the one folder"),
        ([_entry("demo-1.0/link", tarfile.SYMTYPE, "../../evil")], "leaves"),
        ([_entry("demo-1.0/link", tarfile.SYMTYPE, "../demo-1.0/x")], "leaves"),
        ([_entry("demo-1.0/link", tarfile.SYMTYPE, "/etc")], "leaves"),
        ([_entry("demo-1.0/link", tarfile.SYMTYPE, "sub"), _entry("demo-1.0/link/evil")], "below a file or a link"),
        ([_entry("demo-1.0/project.py/evil")], "below a file or a link"),
        ([_entry("demo-1.0/hard", tarfile.LNKTYPE, "demo-1.0/project.py")], "hard link, a device"),
        ([_entry("demo-1.0/dev", tarfile.CHRTYPE)], "hard link, a device"),
        ([_entry("demo-1.0/fifo", tarfile.FIFOTYPE)], "hard link, a device"),
        ([_entry("demo-1.0/x"), _entry("demo-1.0/x")], "is there twice"),
        ([_entry("demo-1.0/x"), _entry("demo-1.0/x/y"), _entry("demo-1.0/x", tarfile.DIRTYPE)], "below a file"),
    ],
)
def test_entries_that_lead_elsewhere_are_refused(tmp_path, entries, message):
    """All of it or nothing: what was unpacked before is removed."""
    _refused(tmp_path, tar_of([_entry("demo-1.0/project.py", data=b"x = 1\n"), *entries]), message)


def test_what_claims_too_much_is_refused(tmp_path):
    """By its headers, before a byte of it is read."""
    info = tarfile.TarInfo("demo-1.0/zeros")
    info.size = 3 << 30
    _refused(tmp_path, gzip.compress(info.tobuf()), "unpacks to more than 2147483648 bytes")


@pytest.mark.parametrize("data", [make_sdist()[:-40], make_sdist()[:200], b"not a tar", b"", gzip.compress(b"x" * 600)])
def test_damaged_ones_are_refused(tmp_path, data):
    """Cut ones, and those that are not archives."""
    _refused(tmp_path, data, "is damaged, or not an sdist")


def test_an_empty_one_is_refused(tmp_path):
    """Folders alone are not sources."""
    _refused(tmp_path, tar_of([_entry("demo-1.0", tarfile.DIRTYPE)]), "is empty")


@pytest.mark.parametrize(
    ("name", "mode", "message"),
    [
        ("../evil", 0o100644, "not a clean"),
        ("demo-1.0/link", 0o120777, "hard link, a device"),
        ("x/y", 0, "one folder"),
    ],
)
def test_zips_are_held_to_the_same(tmp_path, name, mode, message):
    """Links in them, too."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("demo-1.0/project.py", "x = 1\n")
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, "/etc/passwd")
    _refused(tmp_path, out.getvalue(), message, "demo-1.0.zip")


def test_links_inside_stay(tmp_path):
    """A link to a file of the same sdist is ordinary; modes and times are normalised."""
    (tmp_path / "archive").write_bytes(
        tar_of([_entry("demo-1.0/a/x", data=b"1"), _entry("demo-1.0/link", tarfile.SYMTYPE, "a/x")])
    )
    unpack_sdist(tmp_path / "archive", NAME, tmp_path / "src")
    assert "1" == (tmp_path / "src/link").read_text()
    file = (tmp_path / "src/a/x").stat()
    assert (0o100644, 315532800) == (file.st_mode, int(file.st_mtime))
