"""Packages that exist as sdists alone: locked, built once, packaged and run."""

import json
import zipfile
from pathlib import Path

import pytest
from monorepo import files_of, named_caches, small_monorepo
from test_determinism import other_user

# Released in 2014 as an sdist, and never as a wheel.
_SCRIPT = """\
import docopt
import numpy


def predict(inputs, model):
    given = docopt.docopt("Usage: rain [--factor=F]", ["--factor=" + (model / "factor.txt").read_text()])
    return {"amount": inputs["clouds"].sum(axis=1) * numpy.float32(given["--factor"])}
"""


def sdist_monorepo(folder: Path, **settings):
    """Return a small monorepo whose model needs docopt."""
    repo = small_monorepo(folder, **settings)
    repo.write("locks/python.in", "numpy\ndocopt\n")
    repo.write("rain/forecast.py", _SCRIPT)
    return repo


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """Return the monorepo, locked and packaged."""
    repo = sdist_monorepo(tmp_path_factory.mktemp("sdists") / "monorepo")
    told = repo.pants("lock", "locks").out.decode()
    assert "locks/python.build.txt: written" in told
    repo.pants("package", "rain:rain")
    yield repo
    repo.stop()


def test_a_package_from_an_sdist_runs_in_every_format(repo):
    """What it is built with is locked beside the resolve; the record tells how it was built."""
    assert "setuptools==" in repo.read("locks/python.build.txt")
    repo.pants("lock", "--check", "locks")
    assert 2 == repo.pants("test", "rain:smoke").log.count("✓")
    (wheel,) = [one for one in repo.record("rain/rain")["requirements"] if one["name"] == "docopt"]
    build = wheel["build"]
    assert ("docopt-0.6.2.tar.gz", "3.11") == (build["sdist"]["filename"], build["python"])
    assert build["sdist"]["sha256"] in repo.read("locks/python.txt")
    assert all(one["sha256"] in repo.read("locks/python.build.txt") for one in build["requirements"])
    with zipfile.ZipFile(repo.dist / "rain/rain.pex") as pex:
        assert f".deps/{wheel['filename']}" in pex.namelist()
