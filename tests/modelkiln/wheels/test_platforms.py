"""Targets: what runs on a Python, a platform and a C library."""

import pytest
from packaging.markers import Marker
from packaging.tags import parse_tag
from packaging.utils import parse_wheel_filename

from modelkiln.errors import ModelkilnError
from modelkiln.wheels.platforms import Target, why_not_here

AMD64 = Target("3.11", "linux/amd64", "2.36")


def test_names_every_older_glibc_and_its_legacy_name():
    """pip gets each manylinux tag up to the glibc, best first, and the plain one last."""
    platforms = Target("3.11", "linux/amd64", "2.17").pip_platforms()
    assert ["manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_16_x86_64"] == platforms[:3]
    assert ["manylinux_2_5_x86_64", "manylinux1_x86_64", "linux_x86_64"] == platforms[-3:]
    assert "manylinux2010_x86_64" in platforms


def test_arm64_starts_at_the_first_manylinux_that_has_it():
    """manylinux for aarch64 begins with glibc 2.17."""
    platforms = Target("3.12", "linux/arm64", "2.28").pip_platforms()
    assert ["manylinux_2_17_aarch64", "manylinux2014_aarch64", "linux_aarch64"] == platforms[-3:]
    assert "manylinux_2_28_aarch64" == platforms[0]


@pytest.mark.parametrize(
    ("tag", "runs"),
    [
        ("cp311-cp311-manylinux_2_28_x86_64", True),
        ("cp38-abi3-manylinux2014_x86_64", True),
        ("cp311-none-manylinux_2_36_x86_64", True),
        ("py3-none-any", True),
        ("py2.py3-none-any", True),
        ("cp311-cp311-manylinux_2_37_x86_64", False),
        ("cp312-cp312-manylinux_2_28_x86_64", False),
        ("cp312-abi3-manylinux_2_28_x86_64", False),
        ("cp311-cp311-musllinux_1_1_x86_64", False),
        ("cp311-cp311-manylinux_2_28_aarch64", False),
        ("cp311-cp311t-manylinux_2_28_x86_64", False),
    ],
)
def test_wheel_tags_hold_what_runs_and_nothing_else(tag, runs):
    """A wheel's tag is in the list exactly when the wheel runs on the target."""
    assert runs == bool({str(found) for found in parse_tag(tag)} & set(AMD64.wheel_tags()))


@pytest.mark.parametrize(
    ("system", "machine", "foreign"),
    [
        ("linux", "x86_64", "b-1-cp311-cp311-manylinux_2_17_aarch64.whl"),
        ("linux", "aarch64", "a-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"),
        ("darwin", "arm64", "a-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"),
    ],
)
def test_programs_of_another_machine_do_not_start_here(monkeypatch, system, machine, foreign):
    """The first wheel that is for it is named; one for any machine starts everywhere."""
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    pure, both = "p-1-py3-none-any.whl", "a-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
    assert "" == why_not_here([pure])
    assert why_not_here([pure, both, "b-1-cp311-cp311-manylinux_2_17_aarch64.whl"]).startswith(f"{foreign} is in it")


def test_tags_are_unique_and_parse():
    """Every tag is a tag as wheels' file names have them."""
    tags = AMD64.wheel_tags()
    assert len(tags) == len(set(tags))
    parse_wheel_filename(f"demo-1.0-{tags[0]}.whl")


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ('python_version >= "3.11"', True),
        ('python_full_version < "3.11.3"', True),
        ('sys_platform == "win32"', False),
        ('platform_machine == "x86_64" and platform_system == "Linux"', True),
        ('implementation_name == "pypy"', False),
    ],
)
def test_markers_are_those_of_the_target(marker, holds):
    """Markers do not ask the Python that evaluates them."""
    assert holds == Marker(marker).evaluate({**AMD64.marker_environment(), "extra": ""})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("3.11", "linux/riscv64", "2.36"), "'linux/riscv64' is unknown; choose one of linux/amd64, linux/arm64"),
        (("3.11", "amd64", "2.36"), "'amd64' is unknown"),
        (("3.11.2", "linux/amd64", "2.36"), "'3.11.2' is not a release"),
        ((3.11, "linux/amd64", "2.36"), "3.11 is not a release"),
        (("3.11", "linux/amd64", "36"), "'36' is not a release of glibc"),
    ],
)
def test_refuses_what_it_does_not_know(arguments, message):
    """A wrong value is named together with the right ones."""
    with pytest.raises(ModelkilnError, match=message):
        Target(*arguments)
