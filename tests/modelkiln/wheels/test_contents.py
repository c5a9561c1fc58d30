"""What wheels bring to an environment, and need of it."""

from pathlib import Path

import pytest
from components import require
from samples.wheelhouse import make_wheel

from modelkiln.wheels.contents import read_contents
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
