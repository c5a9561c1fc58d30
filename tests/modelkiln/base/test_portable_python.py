"""A portable CPython of a base: where its archive comes from, and what a base has of it."""

import gzip
import struct
import tempfile

import pytest
from samples.debs import tar_of

from modelkiln.archives.spool import Spool
from modelkiln.base.interpreter import portable_packages
from modelkiln.base.portable_python import (
    MIRROR_VARIABLE,
    address_of,
    archive_entries,
    archive_package,
    fetch_archive,
    is_archive,
)
from modelkiln.base.portable_python_lock import InterpreterLock, python_path
from modelkiln.errors import ModelkilnError
from modelkiln.pinned_file import PinnedFile
from modelkiln.store.store import Store

PYTHON, RELEASE = "3.12.9", "20250317"
PROGRAM = ("python/bin/python3.12", {"data": b"program", "mode": 0o755})
KEPT = [
    ("python/bin/python3", {"type": b"2", "linkname": "python3.12"}),
    ("python/lib/python3.12/json/__init__.py", b"json"),
    ("python/lib/python3.12/lib-dynload/_dbm.so", {"data": b"dbm", "mode": 0o755}),
    ("python/lib/python3.12/LICENSE.txt", b"license"),
]
LEFT_OUT = [
    ("python/bin/pip3", {"data": b"pip", "mode": 0o755}),
    ("python/bin/python3.12-config", b"config"),
    ("python/include/python3.12/Python.h", b"header"),
    ("python/lib/libpython3.12.so.1.0", b"library"),
    ("python/lib/python3.12/__pycache__/json.cpython-312.pyc", b"cached"),
    ("python/lib/python3.12/lib-dynload/_testcapi.so", b"test"),
    ("python/lib/python3.12/site-packages/pip/__init__.py", b"pip"),
    ("python/lib/python3.12/test/__init__.py", b"test"),
    ("python/lib/tcl8.6/init.tcl", b"tcl"),
    ("python/share/man/man1/python3.12.1", b"manual"),
    ("other/bin/python3.12", b"elsewhere"),
]


def _elf(needed):
    """A program of nothing but what a loader reads: one library that it needs (ELF-64, "Dynamic Section")."""
    names = b"\0.dynstr\0.dynamic\0.shstrtab\0"
    strings, dynamic = b"\0" + needed + b"\0", struct.pack("<4Q", 1, 1, 0, 0)
    body = strings + bytes(-len(strings) % 8) + dynamic + names
    at = (64, 64 + len(strings) + -len(strings) % 8)
    sections = [
        (0, 0, 0, 0, 0),
        (1, 3, at[0], len(strings), 0),
        (9, 6, at[1], 32, 1),
        (18, 3, at[1] + 32, len(names), 0),
    ]
    head = b"\x7fELF\2\1\1" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, 64 + len(body), 0, 64, 0, 0, 64, len(sections), 3)
    table = [
        struct.pack("<IIQQQQIIQQ", name, kind, 0, 0, at, size, link, 0, 1, 16)
        for name, kind, at, size, link in sections
    ]
    return head + body + b"".join(table)


def _lock(store, data):
    path = python_path(PYTHON, RELEASE, "amd64")
    return InterpreterLock(PYTHON, RELEASE, (PinnedFile(path, store.add_bytes(data)[7:], len(data)),))


def _entries(tmp_path, data):
    store = Store(tmp_path / "store")
    with tempfile.TemporaryFile() as scratch:
        return archive_entries(archive_package(_lock(store, data), "amd64"), store, Spool(scratch))


def _archive(members):
    return gzip.compress(tar_of(members))


def test_a_base_has_what_serving_takes(tmp_path):
    """Program, standard library and licences below /usr/local; no headers, tests, Tk, pip or byte code of others."""
    entries = {entry.path: entry for entry in _entries(tmp_path, _archive([PROGRAM, *KEPT, *LEFT_OUT]))}
    assert {f"usr/local/{name[len('python/'):]}" for name, _ in (PROGRAM, *KEPT)} == set(entries)
    assert entries["usr/local/bin/python3.12"].executable
    assert ("symlink", "python3.12") == (entries["usr/local/bin/python3"].kind, entries["usr/local/bin/python3"].link)


def test_a_program_keeps_the_library_that_it_is_linked_to(tmp_path):
    """As that of releases before 2025 is; the program of a newer one has it inside."""
    library = ("python/lib/libpython3.12.so.1.0", {"data": b"library", "mode": 0o755})
    linked = ("python/bin/python3.12", {"data": _elf(b"$ORIGIN/../lib/libpython3.12.so.1.0"), "mode": 0o755})
    kept = {"usr/local/bin/python3.12", "usr/local/lib/libpython3.12.so.1.0"}
    assert kept == {entry.path for entry in _entries(tmp_path, _archive([linked, library]))}
    inside = ("python/bin/python3.12", {"data": _elf(b"libc.so.6"), "mode": 0o755})
    assert kept - {entry.path for entry in _entries(tmp_path, _archive([inside, library]))} == {
        "usr/local/lib/libpython3.12.so.1.0"
    }


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([PROGRAM, ("python/lib/../../../etc/passwd", b"")], "not a clean relative path"),
        ([PROGRAM, ("/python/lib/a.py", b"")], "not a clean relative path"),
        ([PROGRAM, ("python/lib/a", {"type": b"2", "linkname": "../../../../../etc/passwd"})], "leaves the layer"),
        ([PROGRAM, ("python/lib/a", {"type": b"3"})], "neither a plain file nor a symbolic link"),
        ([("python/bin/python3.12", {"data": b"", "mode": 0o4755})], "neither a plain file nor a symbolic link"),
        ([("python/bin/python3.11", b"")], r"CPython 3.12.9\+20250317: its archive has no program bin/python3.12"),
    ],
)
def test_a_hostile_or_other_archive_is_refused(tmp_path, members, message):
    """Paths and links that leave the root, devices, programs of another user, another Python."""
    with pytest.raises(ModelkilnError, match=message):
        _entries(tmp_path, _archive(members))


def test_a_damaged_archive_is_refused(tmp_path):
    """One that is cut off, and one that is none."""
    whole = _archive([PROGRAM, ("python/lib/a.py", bytes(range(256)) * 99)])
    for data in (whole[: len(whole) // 2], b"no archive"):
        with pytest.raises(ModelkilnError, match="its archive cannot be read"):
            _entries(tmp_path, data)


def test_an_archive_is_fetched_by_its_hash(tmp_path):
    """From a mirror, once; other bytes are refused, and a missing file is named with its address."""
    package = archive_package(_lock(Store(tmp_path / "other"), b"archive"), "amd64")
    place = tmp_path / "mirror" / package["filename"]
    place.parent.mkdir(parents=True)
    env, store = {MIRROR_VARIABLE: (tmp_path / "mirror").as_uri()}, Store(tmp_path / "store")
    with pytest.raises(ModelkilnError, match=r"CPython 3.12.9\+20250317: .*cannot be read from file://.*scie_mirror"):
        fetch_archive(package, store, env)
    place.write_bytes(b"evil!!!")
    with pytest.raises(ModelkilnError, match="want 7 bytes with sha256"):
        fetch_archive(package, store, env)
    place.write_bytes(b"archive")
    fetch_archive(package, store, env)
    place.unlink()
    fetch_archive(package, store, env)
    assert store.has(f"sha256:{package['sha256']}")


def test_an_address_is_that_of_the_project_or_of_a_mirror():
    """A plus sign is written as addresses have it; a path of something else is refused."""
    path = python_path(PYTHON, RELEASE, "amd64")
    assert address_of(path, {}).startswith("https://") and "%2B20250317-x86_64" in address_of(path, {})
    assert f"file:///m/{path.replace('+', '%2B')}" == address_of(path, {MIRROR_VARIABLE: "file:///m/"})
    with pytest.raises(ModelkilnError, match="not a path of a portable CPython's lock"):
        address_of("elsewhere/python.tar.gz", {})


def test_an_interpreter_is_the_archive_on_debians_c_library(tmp_path):
    """Of its architecture; a base without a C library, or a lock without that architecture, is refused."""
    lock = _lock(Store(tmp_path), b"archive")
    libc = {"name": "libc6", "filename": "pool/libc6.deb"}
    packages = portable_packages({"architecture": "amd64", "packages": [libc, {"name": "netbase"}]}, lock)
    assert [False, True] == [is_archive(package) for package in packages]
    with pytest.raises(ModelkilnError, match="lacks libc6"):
        portable_packages({"architecture": "amd64", "packages": []}, lock)
    with pytest.raises(ModelkilnError, match="names no .*aarch64"):
        portable_packages({"architecture": "arm64", "packages": [libc]}, lock)
