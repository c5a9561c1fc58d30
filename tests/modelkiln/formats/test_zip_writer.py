"""Zip files of members that are not compressed."""

import io
import os
import subprocess
import sys
import zipfile
import zlib

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.formats import zip_writer
from modelkiln.formats.zip_writer import ZipWriter, checksum


def _described(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {
            one.filename: (one.file_size, one.external_attr >> 16, one.date_time, one.is_dir())
            for one in archive.infolist()
        }


def test_zipfile_reads_what_is_written(tmp_path):
    """Files, programs, folders before what lies in them, and names beyond ASCII, after bytes that are no zip."""
    (tmp_path / "big").write_bytes(b"big" * 1000)
    with (tmp_path / "a.zip").open("wb") as stream:
        stream.write(b"#!/bin/sh\n")
        writer = ZipWriter(stream)
        writer.add("a/b/c.txt", b"c")
        writer.add("run", b"r", is_program=True)
        writer.add_file("a/größe", tmp_path / "big", checksum(tmp_path / "big"))
        writer.finish()
    day = (1980, 1, 1, 0, 0, 0)
    assert {
        "a/": (0, 0o040755, day, True),
        "a/b/": (0, 0o040755, day, True),
        "a/b/c.txt": (1, 0o100644, day, False),
        "run": (1, 0o100755, day, False),
        "a/größe": (3000, 0o100644, day, False),
    } == _described(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert b"big" * 1000 == archive.read("a/größe")


def test_bytes_are_those_of_zipfile():
    """For files and folders as Pex writes them with it, one is as good as the other."""
    ours, others = io.BytesIO(), io.BytesIO()
    writer = ZipWriter(ours)
    writer.add("a/b.txt", b"b")
    writer.add("ü", b"u")
    writer.finish()
    with zipfile.ZipFile(others, "w") as archive:
        for name, data, mode in (("a/", b"", 0o040755), ("a/b.txt", b"b", 0o100644), ("ü", b"u", 0o100644)):
            info = zipfile.ZipInfo(name)
            info.create_system = 3
            info.external_attr = mode << 16 | (0x10 if name.endswith("/") else 0)
            archive.writestr(info, data)
    assert others.getvalue() == ours.getvalue()


def test_a_beginning_is_continued():
    """What was written before is not written again, nor read: its members are known."""
    head, whole = io.BytesIO(), io.BytesIO()
    first = ZipWriter(head)
    first.add("a/one", b"1")
    whole.write(head.getvalue())
    second = ZipWriter(whole, first.members)
    second.add("a/two", b"2")
    second.finish()
    with zipfile.ZipFile(whole) as archive:
        assert ["a/", "a/one", "a/two"] == archive.namelist()
        assert b"1" == archive.read("a/one")


def test_a_path_that_is_there_is_refused():
    """Readers would see the one or the other."""
    writer = ZipWriter(io.BytesIO())
    writer.add("a", b"")
    with pytest.raises(ModelkilnError, match="a: is in the zip file twice"):
        writer.add("a", b"")


def _refuse(*_):
    raise OSError("not here")


def _break_off(source, target, _):
    if os.lseek(source, 0, os.SEEK_CUR):
        raise OSError("no more")
    return os.write(target, os.read(source, 1000))


@pytest.mark.parametrize(
    "call", [None, _refuse, _break_off, lambda *_: 0], ids=["lacking", "refused", "broken off", "says nothing"]
)
def test_files_are_copied_where_the_kernel_does_not_do_it(tmp_path, monkeypatch, call):
    """Some systems lack the call, some file systems refuse it, and some say that there is nothing to copy."""
    (tmp_path / "source").write_bytes(b"source" * 1000)
    sums = []
    for kernel in (True, False):
        if not kernel and call is None:
            monkeypatch.delattr(os, "copy_file_range")
        elif not kernel:
            monkeypatch.setattr(os, "copy_file_range", call)
        with (tmp_path / "a.zip").open("wb") as stream:
            writer = ZipWriter(stream)
            writer.add("first", b"1")
            writer.add_file("source", tmp_path / "source", checksum(tmp_path / "source"))
            writer.add("last", b"2")
            writer.finish()
        assert ["first", "source", "last"] == list(_described(tmp_path / "a.zip"))
        sums.append(zlib.crc32((tmp_path / "a.zip").read_bytes()))
    assert sums[0] == sums[1]


def test_a_file_that_becomes_shorter_is_refused(tmp_path, monkeypatch):
    """Its place in the file would hold what comes after it."""
    (tmp_path / "source").write_bytes(b"1234")

    def cut(*_):
        os.truncate(tmp_path / "source", 2)
        return 0

    monkeypatch.setattr(os, "copy_file_range", cut)
    with (tmp_path / "a.zip").open("wb") as stream, pytest.raises(ModelkilnError, match="source: changed while"):
        ZipWriter(stream).add_file("source", tmp_path / "source", 0)


def test_large_files_and_offsets_have_64_bits(tmp_path, monkeypatch):
    """zipfile finds what lies behind a member of 5 GiB, which is a hole here and takes no space."""
    size = 5 << 30
    with (tmp_path / "hole").open("wb") as stream:
        stream.truncate(size)

    def share(source, target, count):
        """As a file system does that shares blocks."""
        os.lseek(target, count, os.SEEK_CUR)
        return count

    monkeypatch.setattr(os, "copy_file_range", share)
    with (tmp_path / "a.zip").open("wb") as stream:
        writer = ZipWriter(stream)
        writer.add_file("hole", tmp_path / "hole", 1)
        writer.add("behind", b"it")
        writer.finish()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert size == archive.getinfo("hole").file_size
        assert archive.getinfo("behind").header_offset > size
        assert b"it" == archive.read("behind")


@pytest.mark.skipif(sys.version_info < (3, 13), reason="zipimport reads no 64 bits before")
def test_an_interpreter_runs_what_lies_behind_64_bits(tmp_path):
    """Started as a PEX is. The end of the file says where its directory is, and that where its files are."""
    with (tmp_path / "a.zip").open("wb") as stream:
        stream.seek((4 << 30) + 5)  # A hole.
        writer = ZipWriter(stream)
        writer.add("__main__.py", b"import demo; print(demo.VALUE)")
        writer.add("demo.py", b"VALUE = 7\n")
        writer.finish()
    assert b"7\n" == subprocess.check_output([sys.executable, tmp_path / "a.zip"])


@pytest.mark.parametrize("count", [zip_writer._FULL_COUNT - 1, zip_writer._FULL_COUNT, zip_writer._FULL_COUNT + 1])
def test_any_number_of_files(count):
    """Their number has 16 bits, of which the last value says that there are more."""
    stream = io.BytesIO()
    writer = ZipWriter(stream)
    for number in range(count):
        writer.add(str(number), b"")
    writer.finish()
    with zipfile.ZipFile(stream) as archive:
        assert count == len(archive.infolist())
