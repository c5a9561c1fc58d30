"""Sdists that want to write elsewhere, that are damaged, or that never end, are refused before anything runs."""

import gzip
import io
import os
import tarfile
import zipfile

import pytest

# The makers of fixtures live with the engine's tests.
from samples.wheels.sdists import make_sdist, tar_of

from modelkiln.errors import ModelkilnError
from modelkiln.wheels import sdist
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
        ([_entry("demo-1.0/hard", tarfile.LNKTYPE, "../../etc/passwd")], "not a clean relative path"),
        ([_entry("demo-1.0/hard", tarfile.LNKTYPE, "/etc/passwd")], "not a clean relative path"),
        ([_entry("demo-1.0/hard", tarfile.LNKTYPE, "demo-1.0/nothing")], "hard link to 'demo-1.0/nothing'"),
        ([_entry("demo-1.0/hard", tarfile.LNKTYPE, "demo-1.0/hard")], "hard link to 'demo-1.0/hard'"),
        ([_entry("demo-1.0/hard", tarfile.LNKTYPE, "demo-1.0")], "hard link to 'demo-1.0'"),
        (
            [
                _entry("demo-1.0/a/link", tarfile.SYMTYPE, "../project.py"),
                _entry("demo-1.0/hard", tarfile.LNKTYPE, "demo-1.0/a/link"),
            ],
            "leaves",
        ),
        ([_entry("demo-1.0/dev", tarfile.CHRTYPE)], "a device"),
        ([_entry("demo-1.0/fifo", tarfile.FIFOTYPE)], "a device"),
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
        ("demo-1.0/link", 0o120777, "a device"),
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


def test_a_member_of_a_zip_has_a_name(tmp_path):
    """zipfile drops what follows a null byte in a name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("xyz", b"data")
    data = out.getvalue().replace(b"xyz", b"\0yz")
    _refused(tmp_path, data, "not a clean relative path", "demo-1.0.zip")


def test_hard_links_inside_are_copies(tmp_path):
    """A hard link repeats an earlier file with its mode, or an earlier link, and becomes a file of its own."""
    info, data = _entry("./demo-1.0/a/x", data=b"1")
    info.mode = 0o755
    entries = [
        (info, data),
        _entry("demo-1.0/y", tarfile.LNKTYPE, "./demo-1.0/a/x"),
        _entry("demo-1.0/z", tarfile.LNKTYPE, "demo-1.0/y"),
        _entry("demo-1.0/a/link", tarfile.SYMTYPE, "x"),
        _entry("demo-1.0/a/same", tarfile.LNKTYPE, "demo-1.0/a/link"),
    ]
    (tmp_path / "archive").write_bytes(tar_of(entries))
    out = tmp_path / "src"
    unpack_sdist(tmp_path / "archive", NAME, out)
    files = [out / name for name in ("a/x", "y", "z")]
    assert [(b"1", 0o755, 1)] * 3 == [
        (file.read_bytes(), file.stat().st_mode & 0o777, file.stat().st_nlink) for file in files
    ]
    assert "x" == os.readlink(out / "a/same")


def test_copies_of_hard_links_count(tmp_path, monkeypatch):
    """A few bytes of archive cannot claim any space by links to one large file."""
    monkeypatch.setattr(sdist, "_SIZE_LIMIT", 2500)
    links = [_entry(f"demo-1.0/{number}", tarfile.LNKTYPE, "demo-1.0/x") for number in range(2)]
    _refused(tmp_path, tar_of([_entry("demo-1.0/x", data=b"x" * 1000), *links]), "unpacks to more than 2500 bytes")


def test_links_inside_stay(tmp_path):
    """A link to a file of the same sdist is ordinary; modes and times are normalised."""
    (tmp_path / "archive").write_bytes(
        tar_of([_entry("demo-1.0/a/x", data=b"1"), _entry("demo-1.0/link", tarfile.SYMTYPE, "a/x")])
    )
    unpack_sdist(tmp_path / "archive", NAME, tmp_path / "src")
    assert "1" == (tmp_path / "src/link").read_text()
    file = (tmp_path / "src/a/x").stat()
    assert (0o100644, 315532800) == (file.st_mode, int(file.st_mtime))
