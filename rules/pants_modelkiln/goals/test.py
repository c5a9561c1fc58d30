"""`pants test`: a real request to each format of a packaged model."""

from __future__ import annotations

from pants.core.goals.test import TestRequest, TestResult, TestSubsystem
from pants.core.util_rules.partitions import Partition, PartitionerType, Partitions
from pants.engine.addresses import Address
from pants.engine.fs import CreateDigest, FileContent, Snapshot
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import collect_rules
from pants.engine.target import InferDependenciesRequest, InferredDependencies
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from modelkiln.smoke.junit import junit_report
from pants_modelkiln.compat.calls import (
    concurrently,
    create_digest,
    digest_to_snapshot,
    execute_process,
    implicitly,
    rule,
)
from pants_modelkiln.compat.values import attempts
from pants_modelkiln.goals.smoke_test import (
    SmokeTestFieldSet,
    SmokeTestFormat,
    SmokeTestRunRequest,
    perform_smoke_test,
)
from pants_modelkiln.package.named_packages import NamedPackagesRequest, find_named_packages
from pants_modelkiln.subsystem import SmokeTestSubsystem

# Formats that answer requests; the others hold data alone.
_RUNNABLE = ("pex", "scie", "wheel", "oci")


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
    partitions = [
        [
            Partition((fields,), SmokeTestFormat(name, package))
            for package in packages.field_sets
            for name in package.formats.value
            if name in _RUNNABLE
        ]
        for fields, packages in zip(request.field_sets, tested)
    ]
    # One response is recorded, and all formats of all variants give it.
    return Partitions(one for each in partitions for one in (each[:1] if subsystem.record else each))


async def _refusal(description: str, error: Exception) -> FallibleProcessResult:
    """A refusal as the outcome of a process, which is all that the goal takes for a test's failure."""
    text = str(error) if isinstance(error, ModelkilnError) else f"{type(error).__name__}: {error}"
    process = Process(
        # The limit of an argument is 128 KiB.
        argv=("/bin/sh", "-c", 'printf "%s\\n" "$1" >&2; exit 1', "sh", text[-65536:].replace("\0", "")),
        description=description,
        level=LogLevel.DEBUG,
    )
    return await execute_process(process, **implicitly())


async def _junit(address: Address, package_digest: str, result: FallibleProcessResult) -> Snapshot:
    """How a test ended, as `pants test --test-report` leaves it for CI systems and for `modelkiln report`."""
    said = (part.decode("utf-8", "replace") for part in (result.stdout, result.stderr))
    report = junit_report(str(address), package_digest, result.exit_code, *said)
    digest = await create_digest(CreateDigest([FileContent(f"{address.path_safe_spec}.xml", report)]))
    return await digest_to_snapshot(digest)


@rule(desc="Smoke-test a packaged model", level=LogLevel.DEBUG)
async def run_smoke_test(
    batch: SmokeTestRequest.Batch[SmokeTestFieldSet, SmokeTestFormat], test: TestSubsystem
) -> TestResult:
    """Test one format of one package; a package that is refused is a test that failed."""
    fields, tested = batch.single_element, batch.partition_metadata
    address = tested.address_of(fields.address)
    try:
        run = await perform_smoke_test(SmokeTestRunRequest(fields, tested, test.force), **implicitly())
        result, package_digest = run.result, run.package_digest
    except Exception as error:
        # Of one test: the goal would end at the first exception, and leave the other tests.
        result = await _refusal(f"Refuse {address}", error)
        package_digest = ""
    if result is None:
        return TestResult.no_tests_found(address, test.output)
    report = await _junit(address, package_digest, result)
    return TestResult.from_fallible_process_result(attempts(result), address, test.output, xml_results=report)


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
