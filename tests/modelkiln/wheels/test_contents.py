"""What wheels bring to an environment, and need of it."""

from pathlib import Path

import pytest
from components import require
from samples.wheelhouse import make_wheel

from modelkiln.runtime.verification.installed import check_requirements
from modelkiln.wheels.contents import files_digest, read_contents
from modelkiln.wheels.venv import Venv, install
from modelkiln.wheels.wheel import open_wheel


@pytest.fixture
def read(tmp_path):
    """Return what reads the contents of a wheel with the given files."""

    def contents(files):
        path = tmp_path / "demo-1.0-py3-none-any.whl"
        path.write_bytes(make_wheel(files=files))
        with open_wheel(path, path.name, "demo", "1.0") as wheel:
            return read_contents(wheel)

    return contents


@pytest.mark.parametrize(
    ("paths", "modules"),
    [
        (["demo/__init__.py", "demo/inside.py", "six.py"], ["demo", "six"]),
        (["google/protobuf/__init__.py", "google/api.py", "google/table.csv"], ["google.api", "google.protobuf"]),
        (["fast.cpython-311-x86_64-linux-gnu.so", "slow.abi3.so"], ["fast", "slow"]),
        (["demo-1.0.data/purelib/demo/__init__.py", "demo-1.0.data/scripts/tool.py"], ["demo"]),
        (["README.txt"], []),
    ],
)
def test_modules_are_those_of_site_packages(read, paths, modules):
    """Top-level ones, and the parts of a package that several distributions share."""
    assert modules == read({path: b"" for path in paths})["modules"]


def test_libraries_and_what_they_need_are_known(read):
    """A program of this machine stands for a library; what only looks like one needs nothing."""
    program = Path(require("sed")).read_bytes()
    found = read({"demo/libdemo.so.1": program, "demo/damaged.so": b"\x7fELF", "demo/text.so": b"text"})
    assert ["damaged.so", "libdemo.so.1", "text.so"] == found["libraries"]
    assert "libc.so.6" in found["needs"]


def test_programs_are_those_of_entry_points_and_of_scripts(read):
    """What installing would put into `bin`; entry points that cannot be read are for installing to refuse."""
    points = b"[console_scripts]\ndemo = demo:main\n[gui_scripts]\nwindow = demo:show\n[other]\nno = demo:no\n"
    files = {"demo-1.0.dist-info/entry_points.txt": points, "demo-1.0.data/scripts/tool.sh": b"#!/bin/sh\n"}
    assert ["demo", "tool.sh", "window"] == read(files)["scripts"]
    assert [] == read({"demo-1.0.dist-info/entry_points.txt": b"[console_scripts]\nbroken\n"})["scripts"]


def test_the_digest_of_its_files_is_that_of_what_is_installed(tmp_path, monkeypatch):
    """Scripts get another first line and byte code is made anew: the digest is of what stays."""
    files = {
        "demo/__init__.py": b"x = 1\n",
        "demo/__pycache__/__init__.cpython-311.pyc": b"pyc",
        "demo-1.0.data/platlib/demo/more.so": b"so",
        "demo-1.0.data/scripts/tool": b"#!python\n",
        "demo-1.0.data/data/share/demo.txt": b"text",
    }
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    path.write_bytes(make_wheel(files=files))
    with open_wheel(path, path.name, "demo", "1.0") as wheel:
        digest, installed = files_digest(wheel), install(wheel, Venv("3.11"))
        for entry in (*installed.entries, installed.record()):
            target = tmp_path / "root" / entry.path
            target.parent.mkdir(parents=True, exist_ok=True)
            with entry.open() as stream:
                target.write_bytes(stream.read())
    site = tmp_path / "root" / installed.site_packages
    monkeypatch.syspath_prepend(str(site))
    requirement = {"name": "demo", "version": "1.0", "files": digest}
    assert [] == check_requirements([requirement], False)[0]
    assert 1 == len(check_requirements([{**requirement, "files": "0" * 64}], False)[0])
