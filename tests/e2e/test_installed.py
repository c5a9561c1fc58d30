"""Backend and engine from the wheel, in somebody else's monorepo."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from monorepo import files_of, small_monorepo

WHEEL = "modelkiln-0.1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def wheel(repository):
    """Return the wheel, built here: a test that depends on `//:dist` cannot be asked for its dependents,
    because Pants demands the interpreter of the wheel, which is its own, of whatever depends on it."""
    repository.pants("package", "//:dist")
    return repository.dist / WHEEL


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Return a fresh monorepo that knows the wheel and nothing else of this repository."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "wheels").mkdir()
    shutil.copy(wheel, folder / "wheels")
    backend = f'plugins = ["modelkiln==0.1.0"]\n\n[python-repos]\nfind_links = ["file://{folder}/wheels"]\n'
    repo = small_monorepo(folder / "monorepo", backend)
    yield repo
    repo.stop()


def test_the_wheel_holds_backend_and_engine_and_needs_nothing(wheel):
    """Two packages with the tool's lock; no tests, no models, and no requirement without an extra."""
    with zipfile.ZipFile(wheel) as archive:
        names = [Path(name) for name in archive.namelist()]
        metadata = archive.read("modelkiln-0.1.0.dist-info/METADATA").decode().splitlines()
    folders = {name.parts[0] for name in names}
    assert {"modelkiln", "pants_modelkiln", "modelkiln-0.1.0.dist-info"} == folders
    for name in (
        "modelkiln/library/importable.py",
        "modelkiln/runtime/cli.py",
        "pants_modelkiln/register.py",
        "pants_modelkiln/tool.txt",
        "pants_modelkiln/checks.txt",
        "pants_modelkiln/pip_tools.txt",
        "pants_modelkiln/registry.txt",
        "pants_modelkiln/sources.txt",
        "pants_modelkiln/twine.txt",
    ):
        assert Path(name) in names
    assert [] == [name for name in names if name.name.startswith("test_") or name.name == "conftest.py"]
    assert [] == [line for line in metadata if line.startswith("Requires-Dist") and "extra ==" not in line]
    (python,) = (line for line in metadata if line.startswith("Requires-Python: "))
    assert {">=3.9", "<3.15"} == set(python.partition(": ")[2].split(","))


def test_it_packages_a_model(installed):
    """Both formats and the record are in dist/."""
    installed.pants("package", "::")
    assert {"rain.oci", "rain.package.json", "rain.pex"} == {path.name for path in (installed.dist / "rain").iterdir()}


def test_it_tests_a_model(installed):
    """The smoke test passes in each format that this host can run."""
    run = installed.pants("test", "::")
    assert "rain:smoke" in run.log
    assert "✓" in run.log and "✕" not in run.log


def test_it_runs_a_model(installed):
    """The package answers."""
    run = installed.pants("run", "rain:rain", "--", "predict", "rain/request.json")
    assert [1.5, 3.5] == run.json["outputs"][0]["data"]


def test_a_packaged_pex_runs_by_itself(installed):
    """What is in dist/ needs neither Pants nor the monorepo."""
    pex = installed.dist / "rain/rain.pex"
    result = subprocess.run([sys.executable, str(pex), "verify"], stdout=subprocess.PIPE, check=True)
    assert b"verified rain 0.1.0: " in result.stdout


def test_it_builds_what_the_repository_itself_builds(installed, tmp_path):
    """The engine as installed and the engine from source give the same bytes."""
    installed.pants("package", "::")
    repo = small_monorepo(tmp_path / "monorepo")
    try:
        repo.pants("package", "::")
    finally:
        repo.stop()
    assert files_of(installed.dist) == files_of(repo.dist)
