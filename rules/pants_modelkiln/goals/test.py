"""`pants test`: a real request to each format of a packaged model."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.core.goals.test import TestFieldSet, TestRequest, TestResult, TestSubsystem
from pants.core.util_rules.partitions import Partition, PartitionerType, Partitions
from pants.engine.fs import (
    AddPrefix,
    CreateDigest,
    Digest,
    FileContent,
    GlobMatchErrorBehavior,
    MergeDigests,
    PathGlobs,
)
from pants.engine.process import ProcessCacheScope
from pants.engine.rules import collect_rules
from pants.engine.target import HydrateSourcesRequest, InferDependenciesRequest, InferredDependencies
from pants.engine.unions import UnionRule
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.layer import Layer
from modelkiln.machine.gpu import find_gpu
from modelkiln.machine.settings import save_python
from modelkiln.package.source_facts import example_of
from modelkiln.smoke.plan import SmokePlan
from modelkiln.smoke.smoke_test import NOT_RUN
from pants_modelkiln.compat.calls import (
    add_prefix,
    concurrently,
    create_digest,
    find_interpreter,
    get_digest_contents,
    hydrate_sources,
    implicitly,
    merge_digests,
    rule,
)
from pants_modelkiln.compat.values import attempts
from pants_modelkiln.engine.step import Step, try_step
from pants_modelkiln.engine.tool import STORE, fetching_tool, machine_store
from pants_modelkiln.formats.oci import ImageRequest, assemble_image
from pants_modelkiln.formats.pex import PexFileRequest, build_pex_file
from pants_modelkiln.formats.scie import ScieFileRequest, build_scie_file
from pants_modelkiln.package.field_set import ModelPackageFieldSet
from pants_modelkiln.package.inputs import PackageInputs, resolve_inputs
from pants_modelkiln.package.named_packages import NamedPackagesRequest, find_named_packages
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

# Formats that answer requests; the others hold data alone.
_RUNNABLE = ("pex", "scie", "oci")

# What a step finds where, see `modelkiln.smoke.plan`.
_TEST_FILES = {
    "record": "record.json",
    "request": "request.json",
    "expected": "expected.json",
    "models": "models",
}


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
        """What the summary says next to the target's address: `pex`, or `cuda12 pex` of a variant."""
        parameters = self.package.address.parameters
        return " ".join([*(parameters[key] for key in sorted(parameters)), self.name])


class SmokeTestRequest(TestRequest):
    tool_subsystem = SmokeTestSubsystem
    field_set_type = SmokeTestFieldSet
    partitioner_type = PartitionerType.CUSTOM


@rule
async def partition_by_format(
    request: SmokeTestRequest.PartitionRequest[SmokeTestFieldSet], subsystem: SmokeTestSubsystem
) -> Partitions[SmokeTestFieldSet, SmokeTestFormat]:
    """A test for each variant and each format that runs here."""
    if subsystem.skip:
        return Partitions()
    tested = await concurrently(
        find_named_packages(
            NamedPackagesRequest(fields.address, fields.package.alias, (fields.package.value,)), **implicitly()
        )
        for fields in request.field_sets
    )
    return Partitions(
        Partition((fields,), SmokeTestFormat(name, package))
        for fields, packages in zip(request.field_sets, tested)
        for package in packages.field_sets
        for name in package.formats.value
        if name in _RUNNABLE
    )


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


@rule(level=LogLevel.DEBUG)
async def put_under_test(request: PackageUnderTestRequest, options: GlobalOptions) -> PackageUnderTest:
    """Build one format, without `dist/`."""
    inputs = request.inputs
    if request.format == "pex":
        built = await build_pex_file(PexFileRequest(inputs, "package.pex"), **implicitly())
        python = await find_interpreter(InterpreterConstraints([f"CPython=={inputs.target.python}.*"]), **implicitly())
        # By its release: a machine's path to it must not be in the test's key.
        save_python(machine_store(options), inputs.target.python, python.path)
        return PackageUnderTest(built.digest, "package.pex", python=inputs.target.python)
    if request.format == "scie":
        return PackageUnderTest(
            (await build_scie_file(ScieFileRequest(inputs, "package.scie"), **implicitly())).digest, "package.scie"
        )
    image = await assemble_image(ImageRequest(inputs), **implicitly())
    return PackageUnderTest(await add_prefix(AddPrefix(image.layout, "image")), "image", layers=image.stored)


async def _test_files(fields: SmokeTestFieldSet, inputs: PackageInputs) -> Digest:
    """The record, the request and the expected response, as a step reads them."""
    if fields.sources.value:
        request = (
            await get_digest_contents(
                (await hydrate_sources(HydrateSourcesRequest(fields.sources), **implicitly())).snapshot.digest
            )
        )[0].content
    else:
        request = canonical_json(example_of(inputs.facts, str(fields.address)))
    expected_globs = PathGlobs(
        [f"{fields.address.spec_path}/{fields.expected.value}".lstrip("/")],
        glob_match_error_behavior=GlobMatchErrorBehavior.error,
        description_of_origin=f"the field `expected` of {fields.address}",
    )
    expected = (await get_digest_contents(**implicitly({expected_globs: PathGlobs})))[0].content
    return await create_digest(
        CreateDigest(
            [
                FileContent(_TEST_FILES["record"], inputs.record.to_bytes()),
                FileContent(_TEST_FILES["request"], request),
                FileContent(_TEST_FILES["expected"], expected),
            ]
        )
    )


@rule(desc="Smoke-test a packaged model", level=LogLevel.DEBUG)
async def run_smoke_test(
    batch: SmokeTestRequest.Batch[SmokeTestFieldSet, SmokeTestFormat],
    test: TestSubsystem,
    subsystem: SmokeTestSubsystem,
    options: ModelkilnSubsystem,
) -> TestResult:
    """Run the package, and compare its response with the expected one."""
    fields, format_name = batch.single_element, batch.partition_metadata.name
    title = f"{fields.address} ({batch.partition_metadata.description})"
    inputs = await resolve_inputs(batch.partition_metadata.package, **implicitly())
    has_gpu = bool(inputs.accelerator.cuda or fields.requires_gpu.value) and find_gpu() is not None
    if fields.requires_gpu.value and not has_gpu:
        logger.warning(f"{title} was not run: it requires a GPU, and this machine has no NVIDIA device with a driver.")
        return TestResult.no_tests_found(fields.address, test.output)
    under_test = await put_under_test(PackageUnderTestRequest(inputs, format_name), **implicitly())
    is_bundled = inputs.record["weights"] == "bundled"
    # A program has bundled files in it; layers of an image may have to be made of them again.
    needed = inputs.artifacts if not is_bundled or format_name == "oci" else ()
    models = await merge_digests(MergeDigests(artifact.digest for artifact in needed))
    plan = SmokePlan(
        **_TEST_FILES,
        format=format_name,
        package=under_test.name,
        rtol=fields.rtol.value,
        atol=fields.atol.value,
        python=under_test.python,
        weights=() if is_bundled else tuple(layer for found in inputs.artifacts for layer in found.layers),
        layers=under_test.layers,
        # In the key, so that a result without a GPU is none for a machine that has one.
        has_gpu=has_gpu,
    )
    files = (
        under_test.digest,
        await _test_files(fields, inputs),
        await add_prefix(AddPrefix(models, _TEST_FILES["models"])),
        await create_digest(CreateDigest([FileContent("plan.json", canonical_json(plan.to_json()))])),
    )
    step = Step(
        argv=("smoke", "plan.json", f"--store={STORE}"),
        description=f"Smoke-test {title}",
        input_digest=await merge_digests(MergeDigests(files)),
        cache_scope=ProcessCacheScope.PER_SESSION if test.force else ProcessCacheScope.SUCCESSFUL,
        tool=fetching_tool([layer.recipe for layer in (*plan.weights, *plan.layers)], options),
    )
    result = (await try_step(step, **implicitly())).result
    if result.exit_code == NOT_RUN and not subsystem.require:
        logger.warning(f"{title} was not run: {result.stdout.decode(errors='replace').strip()}")
        return TestResult.no_tests_found(fields.address, test.output)
    tested = TestResult.from_fallible_process_result(attempts(result), fields.address, test.output)
    return replace(tested, partition_description=batch.partition_metadata.description)


class InferSmokeTestDependencies(InferDependenciesRequest):
    infer_from = SmokeTestFieldSet


@rule(desc="Infer the dependency of a smoke test on its package")
async def infer_package_dependency(request: InferSmokeTestDependencies) -> InferredDependencies:
    """A smoke test depends on the package that it tests."""
    field = request.field_set.package
    packages = await find_named_packages(
        NamedPackagesRequest(request.field_set.address, field.alias, (field.value,)), **implicitly()
    )
    return InferredDependencies(package.address for package in packages.field_sets)


def rules():
    return [
        *collect_rules(),
        *SmokeTestRequest.rules(),
        UnionRule(InferDependenciesRequest, InferSmokeTestDependencies),
    ]
