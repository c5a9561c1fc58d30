"""A package that is compiled: from its sdist, with a pinned toolchain, into every format."""

import shutil
import zipfile

import pytest
from components import require
from monorepo import ROOT, small_monorepo

from modelkiln.machine.sandbox import can_run

# The last release of mmh3 without wheels for CPython 3.11, in C++.
_MMH3 = "mmh3==3.0.0"
_SCRIPT = """\
import mmh3
import numpy


def predict(inputs, model):
    assert mmh3.hash("foo") == -156908512
    factor = numpy.float32((model / "factor.txt").read_text())
    return {"amount": inputs["clouds"].sum(axis=1) * factor}
"""


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """Return a monorepo with a toolchain and a model that needs mmh3, locked and packaged."""
    require("bwrap")
    if can_run():
        pytest.skip(can_run())
    options = {"build_toolchains": ["images:gcc12"]}
    repo = small_monorepo(tmp_path_factory.mktemp("compiled") / "monorepo", options=options)
    toolchain = 'build_toolchain(name="gcc12", packages="gcc12.packages", lock="gcc12.json")'
    repo.write("images/BUILD", f'{repo.read("images/BUILD")}{toolchain}\n')
    for name, here in (("packages", "packages"), ("lock.json", "json")):
        shutil.copy(ROOT / f"3rdparty/debian/gcc12.{name}", repo.root / f"images/gcc12.{here}")
    repo.write("locks/python.in", f"numpy\n{_MMH3}\n")
    repo.write("rain/forecast.py", _SCRIPT)
    repo.pants("lock", "locks")
    repo.pants("package", "rain:rain")
    yield repo
    repo.stop()


def test_it_answers_in_every_format(repo):
    """The PEX on this machine's Python, the image on its base's, and `pants run`."""
    assert 2 == repo.pants("test", "rain:smoke").log.count("✓")
    run = repo.pants("run", "rain:rain", "--", "predict", "rain/request.json")
    assert [1.5, 3.5] == run.json["outputs"][0]["data"]


def test_the_record_names_toolchain_and_sdist(repo):
    """By digest; the platform tag names the C library that it needs."""
    wheel = next(one for one in repo.record("rain/rain")["requirements"] if one["name"] == "mmh3")
    assert wheel["filename"].startswith("mmh3-3.0.0-cp311-cp311-manylinux_2_")
    assert wheel["build"]["toolchain"].startswith("sha256:")
    assert wheel["build"]["sdist"]["sha256"] in repo.read("locks/python.txt")
    with zipfile.ZipFile(repo.dist / "rain/rain.pex") as pex:
        assert f".deps/{wheel['filename']}" in pex.namelist()


def test_without_a_toolchain_it_is_refused(repo):
    """With the remedy; a target that is not a toolchain is reported, too."""
    log = repo.pants("--modelkiln-build-toolchains=[]", "package", "rain:rain", code=1).log
    assert "mmh3 3.0.0, from mmh3-3.0.0.tar.gz: " in log and "[modelkiln].build_toolchains" in log
    log = repo.pants("--modelkiln-build-toolchains=['images:python']", "package", "rain:rain", code=1).log
    assert "images:python is a `oci_base_image`, want a `build_toolchain`" in log
