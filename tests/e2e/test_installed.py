"""Backend and engine from the wheel, in somebody else's monorepo."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from monorepo import ROOT, files_of, small_monorepo

from modelkiln.report.evidence.evidence import read_tests

WHEEL = "modelkiln-0.1.0-py3-none-any.whl"
HOMEPAGE = "https://models.example.com/modelkiln"
# As plugins were written before rules were called by name.
_PLUGIN = """\
from pants.core.goals.package import BuiltPackage, PackageFieldSet
from pants.engine.console import Console
from pants.engine.goal import Goal, GoalSubsystem
from pants.engine.rules import Get, collect_rules, goal_rule
from pants.engine.target import FieldSetsPerTarget, FieldSetsPerTargetRequest, Targets


class AskSubsystem(GoalSubsystem):
    name = "ask"
    help = "Package, and print what was written."


class Ask(Goal):
    subsystem_cls = AskSubsystem
    environment_behavior = Goal.EnvironmentBehavior.LOCAL_ONLY


@goal_rule
async def ask(console: Console, targets: Targets) -> Ask:
    found = await Get(FieldSetsPerTarget, FieldSetsPerTargetRequest(PackageFieldSet, targets))
    for field_set in found.field_sets:
        package = await Get(BuiltPackage, PackageFieldSet, field_set)
        for artifact in package.artifacts:
            console.print_stdout(artifact.relpath)
    return Ask(exit_code=0)


def rules():
    return collect_rules()
"""


@pytest.fixture(scope="module")
def wheel(repository):
    """Return the wheel, built here: a test that depends on `//:dist` cannot be asked for its dependents,
    because Pants demands the interpreter of the wheel, which is its own, of whatever depends on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(repository.env, "MODELKILN_HOMEPAGE", HOMEPAGE)
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
        "pants_modelkiln/signing.txt",
        "pants_modelkiln/sources.txt",
        "pants_modelkiln/terminal.txt",
        "pants_modelkiln/twine.txt",
    ):
        assert Path(name) in names
    assert [] == [name for name in names if name.name.startswith("test_") or name.name == "conftest.py"]
    assert [] == [line for line in metadata if line.startswith("Requires-Dist") and "extra ==" not in line]
    (python,) = (line for line in metadata if line.startswith("Requires-Python: "))
    assert {">=3.9", "<3.15"} == set(python.partition(": ")[2].split(","))
    (summary,) = (line for line in metadata if line.startswith("Summary: "))
    assert "machine-learning models" in summary
    assert f"Home-page: {HOMEPAGE}" in metadata
    assert "# Modelkiln" in metadata


def test_it_packages_a_model(installed):
    """Both formats and the record are in dist/."""
    installed.pants("package", "::")
    assert {"rain.oci", "rain.package.json", "rain.pex"} == {path.name for path in (installed.dist / "rain").iterdir()}


def test_it_tests_a_model(installed):
    """The smoke test passes in each format that this host can run, and a report says how long the package took."""
    run = installed.pants("test", "--test-report", "::")
    assert "rain:smoke" in run.log
    assert "✓" in run.log and "✕" not in run.log
    record = json.loads((installed.dist / "rain/rain.package.json").read_text("utf-8"))
    cases = read_tests([installed.dist / "test/reports"])
    assert "rain:smoke@format=pex" in {case.name for case in cases}
    assert {("passed", record["package_digest"])} == {(case.result, case.package_digest) for case in cases}
    assert all(case.seconds and case.seconds > 0 for case in cases)


def test_it_reports_all_models(installed):
    """One page, with sizes and locks; these were never committed."""
    run = installed.pants("report", "::")
    assert run.out.decode().startswith("dist/packages.html: ")
    page = (installed.dist / "packages.html").read_text("utf-8")
    for part in ("rain/rain", "Locks, the oldest first", "not committed"):
        assert part in page, part


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
    shutil.rmtree(installed.dist, ignore_errors=True)  # With what other goals left there.
    installed.pants("package", "::")
    repo = small_monorepo(tmp_path / "monorepo")
    try:
        repo.pants("package", "::")
    finally:
        repo.stop()
    assert files_of(installed.dist) == files_of(repo.dist)


def test_a_checkout_beside_it_is_refused(installed):
    """Python would take the first, or a part of each: both are named, and where to take one out."""
    installed.env["PANTS_PYTHONPATH"] = f'["{ROOT}/rules", "{ROOT}/src"]'
    try:
        run = installed.pants("list", "::", code=1)
    finally:
        del installed.env["PANTS_PYTHONPATH"]
        installed.end()  # Its daemon has both.
    message = re.search(r"Modelkiln is installed twice: (\S+) and (\S+)\. Take it out of .*pants\.toml", run.log)
    assert message, run.log
    # Which one is first depends on what the daemon had when it started.
    wheel, checkout = sorted(message.groups(), key=lambda place: place == f"{ROOT}/rules/pants_modelkiln")
    assert wheel.endswith("/site-packages/pants_modelkiln")
    assert f"{ROOT}/rules/pants_modelkiln" == checkout


def test_a_plugin_that_asks_with_get(installed):
    """It is answered by our rules where Pants still has `Get`, and fails by itself, with its own name, elsewhere."""
    installed.write("plugins/asking/register.py", _PLUGIN)
    installed.env["PANTS_PYTHONPATH"] = f'["{installed.root}/plugins"]'
    release = tuple(map(int, installed.pants("--version").out.decode().split(".")[:2]))
    options = ["--backend-packages=+['asking']"]
    try:
        run = installed.pants(*options, "ask", "rain:rain", code=None)
    finally:
        del installed.env["PANTS_PYTHONPATH"]
        shutil.rmtree(installed.root / "plugins")
    if release < (2, 32):
        assert {"rain/rain.pex", "rain/rain.oci", "rain/rain.package.json"} <= set(run.out.decode().split())
    else:
        assert 1 == run.code
        assert "Failed to load the asking.register backend" in run.log and "cannot import name 'Get'" in run.log
