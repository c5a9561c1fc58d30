"""The smoke tests of a package that is published, as a statement next to its image."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Iterable

from pants.engine.addresses import Address, Addresses
from pants.engine.fs import PathGlobs
from pants.engine.rules import collect_rules
from pants.engine.target import AllTargets
from pants.util.logging import LogLevel

from modelkiln.attestation.smoke_result import passed_tests
from modelkiln.attestation.statement import Subject
from modelkiln.digest import sha256_bytes
from modelkiln.errors import ModelkilnError
from pants_modelkiln.compat.calls import concurrently, get_digest_contents, implicitly, resolve_targets, rule
from pants_modelkiln.formats.oci import ImageRequest, assemble_image, assemble_index
from pants_modelkiln.goals.smoke_test import (
    SmokeTestFieldSet,
    SmokeTestFormat,
    SmokeTestRunRequest,
    perform_smoke_test,
)
from pants_modelkiln.inputs.named_files import literal
from pants_modelkiln.package.ensemble import resolve_inputs
from pants_modelkiln.package.field_set import ModelPackageFieldSet
from pants_modelkiln.package.named_packages import NamedPackagesRequest, find_named_packages

_FORMAT = "oci"


@dataclass(frozen=True)
class SmokeResultsRequest:
    """The smoke tests of the package at an address."""

    address: Address


@dataclass(frozen=True)
class SmokeResults:
    """A statement about the package's image, the bytes of its file; empty where no test ran on an image."""

    statement: bytes


def _may_name(fields: SmokeTestFieldSet, address: Address) -> bool:
    """Whether the address in a smoke test's field ends as that of the package: few have to be looked up."""
    named = str(fields.package.value).partition("@")[0]
    return (named.rpartition(":")[2] if ":" in named else os.path.basename(named)) == address.target_name


async def _find_tests(tests: Iterable[SmokeTestFieldSet], address: Address) -> list[SmokeTestFieldSet]:
    """Those that name the package at an address, or all variants of it."""
    likely = [fields for fields in tests if _may_name(fields, address)]
    named = await concurrently(
        find_named_packages(
            NamedPackagesRequest(fields.address, fields.package.alias, (str(fields.package.value),)), **implicitly()
        )
        for fields in likely
    )
    return [
        fields
        for fields, packages in zip(likely, named)
        if address in {package.address for package in packages.field_sets}
    ]


async def _files(fields: SmokeTestFieldSet) -> list[Subject]:
    """The files that a test's request and response are in."""
    names = [name for name in (fields.sources.value, fields.expected.value) if name]
    paths = [literal(os.path.join(fields.address.spec_path, str(name))) for name in names]
    contents = await get_digest_contents(**implicitly(PathGlobs(paths)))
    return [Subject(file.path, sha256_bytes(file.content)) for file in contents]


@rule(desc="Run the smoke tests of what is published", level=LogLevel.DEBUG)
async def find_smoke_results(request: SmokeResultsRequest, targets: AllTargets) -> SmokeResults:
    """Run them, as `pants test` does; raises ModelkilnError where one fails: that is not published."""
    (target,) = await resolve_targets(**implicitly(Addresses([request.address])))
    if not ModelPackageFieldSet.is_applicable(target):
        return SmokeResults(b"")
    package = ModelPackageFieldSet.create(target)
    tests = [SmokeTestFieldSet.create(one) for one in targets if SmokeTestFieldSet.is_applicable(one)]
    tests = await _find_tests(tests, request.address) if _FORMAT in package.formats.value else []
    tested = SmokeTestFormat(_FORMAT, package)
    runs = await concurrently(
        perform_smoke_test(SmokeTestRunRequest(fields, tested, False), **implicitly()) for fields in tests
    )
    ran = [(fields, run.result) for fields, run in zip(tests, runs) if run.result is not None]
    for fields, result in ran:
        if result.exit_code != 0:
            said = result.stderr.decode(errors="replace").strip() or result.stdout.decode(errors="replace").strip()
            raise ModelkilnError(f"{request.address}: is not published: its smoke test {fields.address} failed. {said}")
    if not ran:
        return SmokeResults(b"")
    inputs = await resolve_inputs(package)
    image = await assemble_image(ImageRequest(inputs), **implicitly())
    index = await assemble_index(inputs)
    # A tag of several platforms means their index, of which the image of the first is tested.
    digests = dict.fromkeys((index.manifest.digest, image.manifest.digest))
    files = await concurrently(_files(fields) for fields, _ in ran)
    names = [str(tested.address_of(fields.address)) for fields, _ in ran]
    subjects = [Subject(str(inputs.record["name"]), digest) for digest in digests]
    return SmokeResults(passed_tests(subjects, names, [one for found in files for one in found]).to_bytes())


def rules():
    return collect_rules()
