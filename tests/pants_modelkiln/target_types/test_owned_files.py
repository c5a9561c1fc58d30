"""Owners of files, as Pants' engine finds them for `list FILE`, `--changed-since` and `dependents`."""

import pytest
from pants.engine.addresses import Address
from pants.engine.internals.graph import Owners, OwnersRequest
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.target import SourcesField, SourcesPaths, SourcesPathsRequest
from pants.testutil.rule_runner import QueryRule, RuleRunner

from pants_modelkiln.target_types.artifact import ModelArtifactTarget
from pants_modelkiln.target_types.base_image import OciBaseImageTarget
from pants_modelkiln.target_types.package import ModelPackageTarget
from pants_modelkiln.target_types.portable_python import PortablePythonTarget
from pants_modelkiln.target_types.smoke_test import SmokeTestTarget
from pants_modelkiln.target_types.toolchain import BuildToolchainTarget

_BUILD = """
model_smoke_test(name="test", package=":rain", request="request.json", expected="answers/response.json")
model_artifact(name="weights", source=["*.onnx", "!old.onnx"], lock="weights.lock.json")
model_artifact(name="elsewhere", source="hf:example/llm", lock="elsewhere.lock.json")
model_artifact(name="missing", source="missing.bin")
model_package(name="rain", entry_point="predict.py:predict", signature="signature.json")
oci_base_image(
    name="base", lock="base.lock.json", packages="base.packages", architectures=["amd64", "arm64"],
)
build_toolchain(name="gcc", lock="gcc.lock.json", packages="gcc.packages")
portable_python(name="python", python_version="3.11.14", pbs_release="20251120", lock="python.lock.json")
"""
_OWNERS = {
    "request.json": "test",
    "answers/response.json": "test",
    "new.onnx": "weights",
    "weights.lock.json": "weights",
    "elsewhere.lock.json": "elsewhere",
    "missing.bin": "missing",
    "signature.json": "rain",
    "base.lock.json": "base",
    "base.arm64.lock.json": "base",
    "base.packages": "base",
    "gcc.lock.json": "gcc",
    "gcc.packages": "gcc",
    "python.lock.json": "python",
}


@pytest.fixture(scope="module")
def runner():
    """Return an engine with a repository of one target of each type, and files that no target names."""
    runner = RuleRunner(
        rules=[QueryRule(Owners, [OwnersRequest]), QueryRule(SourcesPaths, [SourcesPathsRequest])],
        target_types=[
            BuildToolchainTarget,
            ModelArtifactTarget,
            ModelPackageTarget,
            OciBaseImageTarget,
            PortablePythonTarget,
            SmokeTestTarget,
        ],
    )
    files = {f"models/{path}": "{}" for path in (*_OWNERS, "old.onnx", "response.json", "base.armhf.lock.json")}
    runner.write_files({"models/BUILD": _BUILD, **files})
    return runner


def _owners(runner, path):
    return [str(address) for address in runner.request(Owners, [OwnersRequest((path,))])]


@pytest.mark.parametrize(("path", "name"), _OWNERS.items())
def test_a_file_that_a_field_names_is_its_targets(runner, path, name):
    """Whatever the field: sources, locks of all architectures, lists of packages and expected responses."""
    assert [f"models:{name}"] == _owners(runner, f"models/{path}")


@pytest.mark.parametrize("path", ["old.onnx", "response.json", "base.armhf.lock.json"])
def test_another_file_has_no_owner(runner, path):
    """Neither what a source leaves out, nor a file of the same name in another folder."""
    assert [] == _owners(runner, f"models/{path}")


@pytest.mark.parametrize(("path", "name"), _OWNERS.items())
def test_a_file_that_is_gone_has_its_owner(runner, path, name):
    """What somebody removed has changed, too; here in a folder that never had the files."""
    runner.write_files({"gone/BUILD": _BUILD})
    assert [f"gone:{name}"] == _owners(runner, f"gone/{path}")


@pytest.mark.parametrize("name", ["elsewhere", "weights"])
def test_files_of_a_lock_need_not_be_here(runner, name):
    """Pants reports globs without files, in any goal that looks at sources, such as `lint` with any formatter."""
    assert () == _paths(runner, name)


def test_files_without_a_lock_are_missed(runner):
    """With the option that makes an error of what is a warning without it."""
    with pytest.raises(ExecutionError, match="missing.bin"):
        _paths(runner, "missing")


def _paths(runner, name):
    runner.write_files({"gone/BUILD": _BUILD})
    runner.set_options(["--unmatched-build-file-globs=error"])
    sources = runner.get_target(Address("gone", target_name=name))[SourcesField]
    return runner.request(SourcesPaths, [SourcesPathsRequest(sources)]).files
