"""A wheel as an environment has it."""

import os

import pytest
from samples.wheelhouse import make_wheel, zip_of

from modelkiln.formats.installer.files import Unusual, unpack
from modelkiln.formats.installer.wheel import Wheel


def _open(folder, data):
    (folder / "demo.whl").write_bytes(b"before" + data)
    return Wheel(os.open(folder / "demo.whl", os.O_RDONLY), 6, len(data), "0" * 64)


def _unpacked(wheel, folder):
    unpack(wheel.files(folder))
    wheel.finish(folder)
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_files_go_to_the_folders_of_their_schemes(tmp_path):
    """Those of both libraries into one, and RECORD has them where an environment has them."""
    files = {
        "demo/__init__.py": b"",
        "demo-1.0.data/purelib/a.py": b"",
        "demo-1.0.data/platlib/b.so": b"x" * 100_000,
        "demo-1.0.data/scripts/s": b"#!python\n",
        "demo-1.0.data/data/etc/d": b"",
        "demo-1.0.data/headers/h.h": b"",
        "demo-1.0.dist-info/INSTALLER": b"somebody",
    }
    wheel = _open(tmp_path, make_wheel(files=files, executable={"demo-1.0.data/platlib/b.so"}))
    found = _unpacked(wheel, tmp_path / "out")
    own = {f"packages/demo-1.0.dist-info/{name}" for name in ("INSTALLER", "METADATA", "RECORD", "WHEEL")}
    packages = {"packages/demo/__init__.py", "packages/a.py", "packages/b.so"}
    assert {*own, *packages, "scripts/s", "data/etc/d", "headers/h.h"} == found
    rows = (tmp_path / "out/packages/demo-1.0.dist-info/RECORD").read_text().splitlines()
    assert {"a.py", "b.so", "../../../bin/s", "../../../etc/d"} <= {row.split(",")[0] for row in rows}
    assert 1 == sum(row.startswith("demo-1.0.dist-info/INSTALLER,") for row in rows)
    assert b"modelkiln\n" == (tmp_path / "out/packages/demo-1.0.dist-info/INSTALLER").read_bytes()
    modes = {name: (tmp_path / "out/packages" / name).stat().st_mode & 0o111 for name in ("a.py", "b.so")}
    assert 0 == modes["a.py"] != modes["b.so"]


def test_entry_points_are_those_of_programs(tmp_path):
    """Of other groups, comments and extras nothing is read; a name is no path."""
    path, folder = "demo-1.0.dist-info/entry_points.txt", tmp_path / "out"
    text = b"[console_scripts]\n; no\na-b = m.n:f.g [x]\n\n[plugins]\nc = d:e\n[gui_scripts]\nw=m:w\n"
    wheel = _open(tmp_path, make_wheel(files={path: text}))
    _unpacked(wheel, folder)
    assert {"a-b": "m.n:f.g", "w": "m:w"} == wheel.entry_points(folder)
    (folder / "packages" / path).write_text("[console_scripts]\n../x = m:f\n")
    with pytest.raises(Unusual):
        wheel.entry_points(folder)


@pytest.mark.parametrize("path", ["../x", "/x", "a//b", "a/./b", "a\\b", "demo-1.0.data/other/x", "demo-1.0.data/x"])
def test_paths_that_lead_elsewhere_are_refused(tmp_path, path):
    """Nothing is unpacked of a wheel that has one."""
    with pytest.raises(Unusual):
        _open(tmp_path, make_wheel(more=[(path, b"", 0o100644)]))


def test_links_are_refused(tmp_path):
    """A wheel has files."""
    with pytest.raises(Unusual):
        _open(tmp_path, make_wheel(more=[("link", b"/etc", 0o120777)]))


def test_two_files_at_one_place_are_refused(tmp_path):
    """By one name, or in two folders for one scheme."""
    for more in ("demo/__init__.py", "demo-1.0.data/purelib/demo/__init__.py"):
        with pytest.raises(Unusual):
            _open(tmp_path, make_wheel(more=[(more, b"", 0o100644)]))


def test_a_wheel_has_one_record(tmp_path):
    """By which its distribution is known."""
    for members in ([], [("a-1.dist-info/RECORD", b"", 0o644), ("b-1.dist-info/RECORD", b"", 0o644)]):
        with pytest.raises(Unusual):
            _open(tmp_path, zip_of(members))
