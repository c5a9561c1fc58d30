"""Models of several Pythons in one repository, each from its own resolve, on its own base."""

import json
import os
import shutil
from pathlib import Path

import pytest
from monorepo import ROOT, small_monorepo

from modelkiln.base.portable_python_lock import python_path

_BUILD = """
oci_base_image(name="python313", packages="modelkiln:python3.13", lock="python313.json")
"""
_PORTABLE = """
portable_python(name="cpython", python_version="{python}", pbs_release="{release}", scie=False, lock="cpython.json")
"""
_PACKAGE = """
model_package(
    name="rain313",
    entry_point="rain.forecast:predict",
    resolve="py313",
    artifacts=[":weights"],
    signature="signature.json",
    base_image="images:python313",
    formats=["oci"],
)

model_smoke_test(name="smoke313", package=":rain313", request="request.json", expected="response.json")
"""


@pytest.fixture
def repo(tmp_path):
    """Return a small monorepo with a second package of its model, for Python 3.13."""
    resolves = {"python-default": "locks/python.txt", "py313": "locks/py313.txt"}
    repo = small_monorepo(tmp_path / "repo")
    repo.env["PANTS_PYTHON_RESOLVES"] = json.dumps(resolves)
    repo.env["PANTS_PYTHON_RESOLVES_TO_INTERPRETER_CONSTRAINTS"] = '{"py313": ["CPython==3.13.*"]}'
    repo.write("images/BUILD", repo.read("images/BUILD") + _BUILD)
    shutil.copy(ROOT / "3rdparty/debian/python313.lock.json", repo.root / "images/python313.json")
    repo.write("locks/BUILD", repo.read("locks/BUILD") + _requirements("py313"))
    repo.write("locks/py313.txt", repo.read("locks/python.txt"))
    sources = 'python_sources(name="code", resolve=parametrize("python-default", "py313"))'
    repo.replace("rain/BUILD", 'python_sources(name="code")', sources)
    repo.write("rain/BUILD", repo.read("rain/BUILD") + _PACKAGE)
    yield repo
    repo.stop()


def _requirements(resolve):
    return f'python_requirements(name="{resolve}", source="python.in", resolve="{resolve}")\n'


def test_each_model_runs_on_its_own_python(repo):
    """Wheels, byte code and interpreter of one are not the other's; both answer the same request, and a package
    whose base has another Python than its resolve serves is refused."""
    repo.pants("test", "--smoke-test-require", "rain:smoke313")
    repo.pants("package", "rain::")
    old, new = repo.record("rain/rain"), repo.record("rain/rain313")
    assert ["3.11", "3.13"] == [one["variant"]["python"] for one in (old, new)]
    assert old["variant"]["accelerator"] == new["variant"]["accelerator"] == "cpu"
    names = [{wheel["filename"] for wheel in one["requirements"]} for one in (old, new)]
    assert "cp311" in " ".join(names[0]) and "cp313" in " ".join(names[1]) and names[0].isdisjoint(names[1])
    repo.replace("rain/BUILD", '    base_image="images:python313",\n', "")
    log = repo.pants("package", "rain:rain313", code=1).log
    assert "rain:rain313: its base images:python has Python 3.11, and the resolve 'py313' is for CPython==3.13.*" in log


def test_each_resolve_is_locked_under_its_own_python(repo):
    """One `pants lock` evaluates the markers of one list for each; a Python that this machine lacks is named with
    the resolve and with those that there are."""
    repo.write("locks/python.in", "numpy\ntomli; python_version < '3.13'\n")
    run = repo.pants("lock", "locks::", code=None)
    if run.code:
        assert "resolve 'py313': its lock needs CPython==3.13.*, and this machine has none: it has CPython 3" in run.log
        pytest.skip("this machine has no CPython 3.13")
    pins = [
        {line.partition("==")[0] for line in repo.read(f"locks/{name}.txt").splitlines() if "==" in line}
        for name in ("python", "py313")
    ]
    assert [{"numpy", "tomli"}, {"numpy"}] == pins


def test_a_base_of_libraries_takes_a_portable_python(repo):
    """It has one Python: none, or that of Debian besides, is refused; so is a lock without the archive."""
    both = 'oci_base_image(name="python", lock="python.json", interpreter=":cpython")\n' + _PORTABLE
    repo.write("images/BUILD", both.format(python="3.11.14", release="20251120"))
    assert "Write it with `pants lock images:cpython`" in repo.pants("package", "rain:rain", code=1).log
    files = [{"path": python_path("3.11.14", "20251120", "amd64"), "size": 1, "sha256": "0" * 64}]
    lock = {"schema": 1, "python": "3.11.14", "release": "20251120", "files": files}
    repo.write("images/cpython.json", json.dumps(lock))
    log = repo.pants("package", "rain:rain", code=1).log
    assert (
        "images:python: its lock for amd64 has Python 3.11 of Debian, and `interpreter` brings CPython 3.11.14" in log
    )
    debian = json.loads(repo.read("images/python.json"))
    debian["packages"] = [package for package in debian["packages"] if "python" not in package["name"]]
    repo.write("images/python.json", json.dumps(debian))
    repo.write("images/BUILD", 'oci_base_image(name="python", lock="python.json")\n')
    assert "its lock for amd64 has no python3.N-minimal" in repo.pants("package", "rain:rain", code=1).log


def test_a_model_runs_on_a_portable_python(repo):
    """From a mirror of the real files: locked, packaged, and asked inside the image."""
    mirror = os.environ.get("MODELKILN_TEST_SCIE_MIRROR")
    if not mirror:
        pytest.skip("MODELKILN_TEST_SCIE_MIRROR names no mirror: its files are on GitHub and in no package registry")
    (archive,) = Path(mirror).glob("providers/PythonBuildStandalone/download/*/cpython-*x86_64*_stripped.tar.gz")
    python, _, rest = archive.name[len("cpython-") :].partition("+")
    minor = python.rpartition(".")[0]
    repo.env["PANTS_MODELKILN_SCIE_MIRROR"] = Path(mirror).as_uri()
    repo.env["PANTS_PYTHON_RESOLVES_TO_INTERPRETER_CONSTRAINTS"] = json.dumps({"py313": [f"CPython=={minor}.*"]})
    base = 'oci_base_image(name="python313", packages="modelkiln:libraries", lock="p.json", interpreter=":cpython")\n'
    build = base + _PORTABLE.format(python=python, release=rest.partition("-")[0])
    repo.write("images/BUILD", 'oci_base_image(name="python", lock="python.json")\n' + build)
    # This repository's numpy has no wheel for 3.10.
    repo.pants("lock", "images:python313", "images:cpython", *(["locks:py313"] if minor == "3.10" else []))
    repo.pants("test", "--smoke-test-require", "rain:smoke313")
    repo.pants("package", "rain:rain313")
    record = repo.record("rain/rain313")
    assert (minor, python) == (record["variant"]["python"], record["base"]["interpreter"]["python"])
