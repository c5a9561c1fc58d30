"""The code of a package, collected by Pants' engine from a repository of several source roots."""

import pytest
from pants.backend.python.dependency_inference import rules as inference
from pants.backend.python.target_types import PythonSourcesGeneratorTarget, PythonSourceTarget
from pants.backend.python.target_types_rules import rules as python_target_rules
from pants.backend.python.util_rules import python_sources
from pants.core.target_types import (
    FilesGeneratorTarget,
    FileTarget,
    ResourcesGeneratorTarget,
    ResourceTarget,
)
from pants.core.target_types import rules as core_target_rules
from pants.engine.addresses import Address
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import QueryRule, RuleRunner

from pants_modelkiln.inputs import code
from pants_modelkiln.inputs.code import PackageCode, PackageCodeRequest
from pants_modelkiln.package import dependencies
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.ensemble import EnsembleCombineField
from pants_modelkiln.target_types.package import ModelEntryPointField, ModelPackageTarget

_FILES = {
    "apps/rain/BUILD": (
        'python_sources(name="code", dependencies=["//data"])\n'
        'model_package(name="rain", entry_point="rain.predict:predict", signature="signature.json")\n'
    ),
    "apps/rain/predict.py": "from acme import scale, shift\n\n\ndef predict(inputs, model): ...\n",
    "data/BUILD": 'files(sources=["*.txt"])\n',
    "data/zero.txt": "0",
    "libs/one/acme/BUILD": 'resources(name="table", sources=["*.csv"])\npython_sources(dependencies=[":table"])\n',
    "libs/one/acme/scale.py": "",
    "libs/one/acme/table.csv": "1",
    "libs/two/acme/BUILD": "python_sources()\n",
    "libs/two/acme/shift.py": "",
    "libs/two/acme/unused.py": "",
}


@pytest.fixture
def runner():
    """Return an engine with a repository whose model needs code of two other source roots."""
    runner = RuleRunner(
        rules=[
            *code.rules(),
            *dependencies.rules(),
            *inference.rules(),
            *python_target_rules(),
            *python_sources.rules(),
            *core_target_rules(),
            *ModelkilnSubsystem.rules(),
            QueryRule(PackageCode, [PackageCodeRequest]),
        ],
        target_types=[
            ModelPackageTarget,
            PythonSourcesGeneratorTarget,
            PythonSourceTarget,
            FilesGeneratorTarget,
            FileTarget,
            ResourcesGeneratorTarget,
            ResourceTarget,
        ],
    )
    # The other parser wants to download Pex.
    runner.set_options(["--source-root-patterns=['/apps', '/libs/*']", "--python-infer-use-rust-parser"])
    runner.write_files(_FILES)
    return runner


def collect(runner):
    """Return the package's own files by path, with their sources' digests."""
    address = Address("apps/rain", target_name="rain")
    field = runner.get_target(address)[ModelEntryPointField]
    found = runner.request(PackageCode, [PackageCodeRequest(address, field)])
    return {file.path: file.sha256 for file in found.own_files}


def test_all_source_roots_become_one_folder(runner):
    """Modules and resources lie as below their root, files as in the repository; what is not needed stays out."""
    expected = ["acme/scale.py", "acme/shift.py", "acme/table.csv", "data/zero.txt", "rain/predict.py"]
    assert expected == sorted(collect(runner))


def test_two_files_for_one_place_are_refused(runner):
    """Equal ones are one; other ones are named, and so is the remedy."""
    runner.write_files({f"libs/{root}/acme/__init__.py": "X = 1\n" for root in ("one", "two")})
    assert "acme/__init__.py" in collect(runner)
    runner.write_files({"libs/two/acme/__init__.py": "X = 2\n"})
    message = "(?s)libs/one/acme/__init__.py and libs/two/acme/__init__.py both become acme/__init__.py.*Rename one"
    with pytest.raises(ExecutionError, match=message):
        collect(runner)


@pytest.mark.parametrize("kind", [ModelEntryPointField, EnsembleCombineField])
def test_a_callable_that_is_not_there_is_refused_by_its_field(runner, kind):
    """An ensemble has one in another field than a package."""
    field = kind("rain.predict:nothere", Address("apps/rain", target_name="rain"))
    with pytest.raises(ExecutionError, match=rf"rain: {kind.alias} 'rain.predict:nothere': rain/predict.py defines no"):
        runner.request(PackageCode, [PackageCodeRequest(field.address, field)])
