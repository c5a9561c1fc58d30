"""One smoke test: a package in one format, a request to it, and its response, compared or recorded."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from pants.base.build_environment import get_buildroot
from pants.core.goals.test import TestFieldSet
from pants.engine.addresses import Address
from pants.engine.fs import AddPrefix, CreateDigest, Digest, FileContent, MergeDigests
from pants.engine.process import FallibleProcessResult, ProcessCacheScope
from pants.engine.rules import collect_rules
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.layer import Layer
from modelkiln.machine.gpu import find_gpu
from modelkiln.machine.settings import save_python
from modelkiln.package.source_facts import example_of
from modelkiln.smoke.comparison import Tolerance
from modelkiln.smoke.plan import SmokePlan
from modelkiln.smoke.smoke_test import NOT_RUN, replaced
from pants_modelkiln.compat.calls import (
    add_prefix,
    create_digest,
    get_digest_contents,
    implicitly,
    merge_digests,
    rule,
)
from pants_modelkiln.engine.layers import LONG
from pants_modelkiln.engine.machine_python import MachinePythonRequest, find_python
from pants_modelkiln.engine.step import Step, try_step
from pants_modelkiln.engine.tool import fetching_tool, machine_store
from pants_modelkiln.engine.tool_install import STORE
from pants_modelkiln.formats.model_wheel import ModelWheelRequest, build_model_wheel, bundled_artifacts
from pants_modelkiln.formats.oci import ImageRequest, assemble_image
from pants_modelkiln.formats.pex import build_pex
from pants_modelkiln.formats.pex_request import PexRequest
from pants_modelkiln.formats.program import program_in_sandbox
from pants_modelkiln.formats.scie import ScieFileRequest, build_scie_file
from pants_modelkiln.inputs.named_files import check_inside, read_named_file
from pants_modelkiln.package.ensemble import resolve_inputs
from pants_modelkiln.package.field_set import ModelPackageFieldSet
from pants_modelkiln.package.inputs import PackageInputs
from pants_modelkiln.subsystem import ModelkilnSubsystem, SmokeTestSubsystem
from pants_modelkiln.target_types.smoke_test import (
    SmokeTestAtolField,
    SmokeTestExpectedField,
    SmokeTestPackageField,
    SmokeTestRequestField,
    SmokeTestRequiresGpuField,
    SmokeTestRtolField,
)

logger = logging.getLogger(__name__)

# Where a step finds what the test does not name. Its files lie at their paths in the repository, by which errors
# name them; a program lies at the top, for a large one is a link that leads to the store from there.
_FOLDER = ".modelkiln"
_RESPONSE = f"{_FOLDER}/response.json"


@dataclass(frozen=True)
class SmokeTestFieldSet(TestFieldSet):
    required_fields = (SmokeTestPackageField, SmokeTestRequestField)

    package: SmokeTestPackageField
    sources: SmokeTestRequestField
    expected: SmokeTestExpectedField
    rtol: SmokeTestRtolField
    atol: SmokeTestAtolField
    requires_gpu: SmokeTestRequiresGpuField


@dataclass(frozen=True)
class SmokeTestFormat:
    """Which package a partition tests, and in which format."""

    name: str
    package: ModelPackageFieldSet

    @property
    def description(self) -> str:
        """Variant and format: `pex`, or `cuda12 pex` of a variant."""
        parameters = self.package.address.parameters
        return " ".join([*(parameters[key] for key in sorted(parameters)), self.name])

    def address_of(self, test: Address) -> Address:
        """The test's address as results show it: with the variant and the format."""
        parameters = {**test.parameters, **self.package.address.parameters, "format": self.name}
        return Address(test.spec_path, target_name=test.target_name, parameters=parameters)


@dataclass(frozen=True)
class PackageUnderTestRequest:
    """A package in one format."""

    inputs: PackageInputs
    format: str


@dataclass(frozen=True)
class PackageUnderTest:
    """One format of a package as `modelkiln build smoke` finds it: what it is called in a Digest, the
    release of Python that runs it, or "", and the layers that the Digest lacks."""

    digest: Digest
    name: str
    python: str = ""
    layers: tuple[Layer, ...] = ()


async def _release_for(inputs: PackageInputs, what: str, options: GlobalOptions) -> str:
    """The release of Python that runs one of a package's formats, of which this machine has an interpreter."""
    release = inputs.target.python
    python = await find_python(MachinePythonRequest.of(release, f"{inputs.address}: its {what}"), **implicitly())
    # By its release: a machine's path to it must not be in the test's key.
    save_python(machine_store(options), release, python.path)
    return release


@rule(level=LogLevel.DEBUG)
async def put_under_test(
    request: PackageUnderTestRequest, options: GlobalOptions, modelkiln: ModelkilnSubsystem
) -> PackageUnderTest:
    """Build one format, without `dist/`."""
    inputs = request.inputs
    if request.format == "pex":
        pex = await program_in_sandbox(await build_pex(PexRequest(inputs, "package.pex"), modelkiln))
        return PackageUnderTest(pex, "package.pex", await _release_for(inputs, "PEX", options))
    if request.format == "scie":
        scie = await build_scie_file(ScieFileRequest(inputs, "package.scie"), **implicitly())
        return PackageUnderTest(await program_in_sandbox(scie), "package.scie")
    if request.format == "wheel":
        wheel = await build_model_wheel(ModelWheelRequest(inputs), **implicitly())
        return PackageUnderTest(wheel.digest, wheel.file_name, await _release_for(inputs, "wheel", options))
    image = await assemble_image(ImageRequest(inputs), **implicitly())
    folder = f"{_FOLDER}/image"
    return PackageUnderTest(await add_prefix(AddPrefix(image.layout, folder)), folder, layers=image.stored)


@dataclass(frozen=True)
class _Answers:
    """The request of a test and the response that is expected, None for one that is yet to be recorded."""

    request: FileContent
    expected: FileContent | None


async def _read_answers(fields: SmokeTestFieldSet, inputs: PackageInputs, is_recording: bool) -> _Answers:
    address = fields.address
    if fields.sources.value:
        remedy = "Write a request of the Open Inference Protocol v2 there."
        request = await read_named_file(address, fields.sources.alias, fields.sources.value, remedy)
    else:
        example = canonical_json(example_of(inputs.facts, str(address)))
        request = FileContent(f"{_FOLDER}/input example", example)
    name = str(fields.expected.value)
    if is_recording:
        # Past Pants, which would come here again because of what is written there in the end.
        path = os.path.normpath(os.path.join(address.spec_path, name))
        check_inside(address, fields.expected.alias, name, path, "The response is recorded there.")
        file = Path(get_buildroot(), path)
        return _Answers(request, FileContent(path, file.read_bytes()) if file.is_file() else None)
    remedy = f"Write it with `pants test --smoke-test-record {address}`, and look at what it says."
    return _Answers(request, await read_named_file(address, fields.expected.alias, name, remedy))


async def _save_response(
    fields: SmokeTestFieldSet, inputs: PackageInputs, before: FileContent | None, result: FallibleProcessResult
) -> None:
    """Write the response that a step recorded into the repository, and report how it differs from the one before.

    The step does not depend on the file that was there: the model would be run once more for having written it.
    """
    (response,) = await get_digest_contents(result.output_digest)
    path = os.path.join(fields.address.spec_path, str(fields.expected.value))
    is_new = before is None or before.content != response.content
    if is_new:
        target = Path(get_buildroot(), path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(response.content)
    lines = [f"{path}: {'written' if is_new else 'unchanged'}", result.stdout.decode(errors="replace").strip()]
    if before is not None:
        tolerance = Tolerance(fields.rtol.value, fields.atol.value)
        lines += replaced(inputs.record, before.content, response.content, path, tolerance)
    logger.info("\n".join(lines))


def _is_whole(inputs: PackageInputs, format_name: str) -> bool:
    """Whether the weights are in a format of the package."""
    if format_name == "wheel" and not bundled_artifacts(inputs):
        return False
    return inputs.record["weights"] == "bundled"


def _weights_apart(inputs: PackageInputs, format_name: str) -> tuple[Layer, ...]:
    """The layers of weights that a format of the package lacks."""
    return () if _is_whole(inputs, format_name) else tuple(one for found in inputs.artifacts for one in found.layers)


async def _step_files(plan: SmokePlan, answers: _Answers, inputs: PackageInputs, under_test: Digest) -> Digest:
    # A program has bundled files in it; layers of an image may have to be made of them again.
    is_needed = plan.format == "oci" or not _is_whole(inputs, plan.format)
    models = await merge_digests(MergeDigests(found.digest for found in inputs.artifacts if is_needed))
    files = [
        answers.request,
        FileContent(f"{_FOLDER}/plan.json", canonical_json(plan.to_json())),
        FileContent(plan.record, inputs.record.to_bytes()),
        *((answers.expected,) if answers.expected and plan.expected else ()),
    ]
    digests = (
        under_test,
        await add_prefix(AddPrefix(models, plan.models)),
        await create_digest(CreateDigest(files)),
    )
    return await merge_digests(MergeDigests(digests))


@dataclass(frozen=True)
class SmokeTestRunRequest:
    """A test of one format of one package. force: even if it passed before."""

    fields: SmokeTestFieldSet
    tested: SmokeTestFormat
    force: bool


@dataclass(frozen=True)
class SmokeTestRun:
    """How a test's step ended, of which package; None where there was nothing to run it on."""

    result: FallibleProcessResult | None
    package_digest: str = ""


def _provided_folder(inputs: PackageInputs, subsystem: SmokeTestSubsystem) -> str:
    """The folder of what this machine provides, where the package wants any of it; or "".

    Whether the folder is there is found out as the test runs: the daemon would remember it.
    """
    return os.path.abspath(subsystem.provided) if inputs.record.get("provided") else ""


def _size(inputs: PackageInputs) -> int:
    """The bytes of what a package is loaded with."""
    return sum(wheel.size for wheel in inputs.environment.wheels) + sum(one.size for one in inputs.artifacts)


@rule(desc="Run a smoke test", level=LogLevel.DEBUG)
async def perform_smoke_test(
    request: SmokeTestRunRequest, subsystem: SmokeTestSubsystem, options: ModelkilnSubsystem
) -> SmokeTestRun:
    """Run the package, and compare its response with the expected one, or record it."""
    fields, format_name = request.fields, request.tested.name
    title = f"{fields.address} ({request.tested.description})"
    inputs = await resolve_inputs(request.tested.package)
    has_gpu = bool(inputs.accelerator.cuda or fields.requires_gpu.value) and find_gpu() is not None
    if fields.requires_gpu.value and not has_gpu:
        logger.warning(f"{title} was not run: it requires a GPU, and this machine has no NVIDIA device with a driver.")
        return SmokeTestRun(None)
    under_test = await put_under_test(PackageUnderTestRequest(inputs, format_name), **implicitly())
    answers = await _read_answers(fields, inputs, subsystem.record)
    provided = _provided_folder(inputs, subsystem)
    plan = SmokePlan(
        record=f"{_FOLDER}/record.json",
        request=answers.request.path,
        expected=answers.expected.path if answers.expected and not subsystem.record else "",
        models=f"{_FOLDER}/models",
        response=_RESPONSE if subsystem.record else "",
        format=format_name,
        package=under_test.name,
        rtol=fields.rtol.value,
        atol=fields.atol.value,
        python=under_test.python,
        weights=_weights_apart(inputs, format_name),
        layers=under_test.layers,
        wheels=tuple(inputs.environment.to_json()) if format_name == "wheel" else (),
        # In the key, so that a result without a GPU is none for a machine that has one.
        has_gpu=has_gpu,
        provided=provided,
    )
    is_always = request.force or subsystem.record or provided
    step = Step(
        argv=("smoke", f"{_FOLDER}/plan.json", f"--store={STORE}"),
        description=f"Smoke-test {title}",
        input_digest=await _step_files(plan, answers, inputs, under_test.digest),
        output_files=(_RESPONSE,) if subsystem.record else (),
        # What this machine provides is not in the key, nor is the file that a record goes to.
        cache_scope=ProcessCacheScope.PER_SESSION if is_always else ProcessCacheScope.SUCCESSFUL,
        tool=fetching_tool([layer.recipe for layer in (*plan.weights, *plan.layers)], options),
        level=LogLevel.INFO if _size(inputs) > LONG else LogLevel.DEBUG,
    )
    result = (await try_step(step, **implicitly())).result
    if subsystem.record and result.exit_code == 0:
        await _save_response(fields, inputs, answers.expected, result)
    if result.exit_code == NOT_RUN and not subsystem.require:
        logger.warning(f"{title} was not run: {result.stdout.decode(errors='replace').strip()}")
        return SmokeTestRun(None)
    return SmokeTestRun(result, str(inputs.record["package_digest"]))


def rules():
    return collect_rules()
