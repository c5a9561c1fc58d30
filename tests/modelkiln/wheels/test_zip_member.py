"""Contents of zip files, read without zipfile."""

import zipfile

import pytest

from modelkiln.wheels import zip_member
from modelkiln.wheels.zip_member import DAMAGE, ZipMember

TEXT = b"".join(b"line %d of some text\n" % number for number in range(50_000))


def written(path, compression=zipfile.ZIP_DEFLATED, name="a/b.txt", data=TEXT):
    """Write a zip of two files, the second one with `data`; returns what its directory says of it."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("first", b"x" * 1000)
        archive.writestr(name, data)
    with zipfile.ZipFile(path) as archive:
        return archive.getinfo(name)


@pytest.fixture(params=["isal", "zlib"])
def _library(request, monkeypatch):
    """Both libraries, whichever this machine would take."""
    if request.param == "zlib":
        monkeypatch.setattr(zip_member, "_zlib", zip_member.zlib)
    else:
        monkeypatch.setattr(zip_member, "_zlib", pytest.importorskip("isal.isal_zlib"))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("size", [-1, 1000, 1 << 20])
@pytest.mark.usefixtures("_library")
def test_contents_come_in_pieces_of_any_size(tmp_path, compression, size):
    """Never more than was asked for, all of it, and nothing after its end."""
    info = written(tmp_path / "a.zip", compression, "ä.txt")
    with (tmp_path / "a.zip").open("rb") as stream:
        member = ZipMember(stream, info)
        pieces = list(iter(lambda: member.read(size), b""))
        assert b"" == member.read(size)
    assert TEXT == b"".join(pieces)
    assert size < 0 or max(map(len, pieces)) <= size


@pytest.mark.usefixtures("_library")
def test_an_empty_content_is_empty(tmp_path):
    """Deflated, nothing takes two bytes."""
    info = written(tmp_path / "a.zip", data=b"")
    with (tmp_path / "a.zip").open("rb") as stream:
        assert b"" == ZipMember(stream, info).read()


def _cut(data, info):
    return data[: info.header_offset + 40 + info.compress_size // 2], info


def _flipped(data, info):
    middle = info.header_offset + 40 + info.compress_size // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :], info


def _renamed(data, info):
    return data.replace(b"a/b.txt", b"a/c.txt", 1), info


def _longer(data, info):
    info.file_size -= 1
    return data, info


def _elsewhere(data, info):
    info.header_offset += 1
    return data, info


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("damage", [_cut, _flipped, _renamed, _longer, _elsewhere])
@pytest.mark.usefixtures("_library")
def test_damage_is_reported(tmp_path, damage, compression):
    """What is cut, changed, of another size or elsewhere than the directory says is not content."""
    info = written(tmp_path / "a.zip", compression)
    data, info = damage((tmp_path / "a.zip").read_bytes(), info)
    (tmp_path / "a.zip").write_bytes(data)
    with (tmp_path / "a.zip").open("rb") as stream, pytest.raises(DAMAGE):
        ZipMember(stream, info).read()
