"""Locks of base images: Debian packages with versions and hashes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace

from pants.engine.fs import CreateDigest, Digest, FileContent, PathGlobs
from pants.engine.process import ProcessCacheScope
from pants.engine.rules import collect_rules
from pants.engine.target import FieldSet, Target
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from modelkiln.base.debian_lock import lock_name
from modelkiln.base.ready_lists import find_suite
from modelkiln.errors import ModelkilnError
from pants_modelkiln.compat.calls import concurrently, create_digest, get_digest_contents, implicitly, rule
from pants_modelkiln.engine.step import Step, run_step
from pants_modelkiln.engine.tool_install import STORE
from pants_modelkiln.inputs.debian_locks import read_package_list
from pants_modelkiln.inputs.named_files import literal
from pants_modelkiln.locks.request import LockPlan, LockRequest
from pants_modelkiln.target_types.base_image import (
    BaseImageArchitecturesField,
    BaseImageComponentsField,
    BaseImageLockField,
    BaseImagePackagesField,
    BaseImageSecurityField,
    BaseImageSuiteField,
)


@dataclass(frozen=True)
class BaseImageLockFieldSet(FieldSet):
    required_fields = (BaseImagePackagesField, BaseImageLockField)

    packages: BaseImagePackagesField
    lock: BaseImageLockField
    suite: BaseImageSuiteField
    components: BaseImageComponentsField
    security: BaseImageSecurityField
    architectures: BaseImageArchitecturesField

    @classmethod
    def opt_out(cls, tgt: Target) -> bool:
        """Bases of a registry are pinned by their reference."""
        return not tgt[BaseImagePackagesField].value


@dataclass(frozen=True)
class BaseImageLockRequest(LockRequest):
    """An `oci_base_image` of Debian packages."""

    field_set_type = BaseImageLockFieldSet
    field_set: BaseImageLockFieldSet


@rule(desc="Lock a base image", level=LogLevel.DEBUG)
async def lock_base_image(request: BaseImageLockRequest) -> LockPlan:
    """Ask the Debian archive for the packages, once for each architecture."""
    field_set = request.field_set
    name = field_set.lock.value
    if not name:
        raise ModelkilnError(
            f"{field_set.address}: name the file to write in the field `lock`, such as "
            f'lock="{field_set.address.target_name}.lock.json".'
        )
    folder = field_set.address.spec_path
    packages = await read_package_list(field_set.address, field_set.packages)
    architectures = tuple(field_set.architectures.value or ())
    paths = [os.path.join(folder, lock_name(name, architectures, one)) for one in architectures]
    known = await get_digest_contents(**implicitly(PathGlobs(map(literal, paths))))
    before = {file.path: file.content for file in known}
    inputs = await concurrently(
        create_digest(CreateDigest([FileContent("packages", packages.content), *_known(before.get(path))]))
        for path in paths
    )
    results = await concurrently(
        run_step(_lock_step(field_set, digest, architecture, path in before), **implicitly())
        for digest, architecture, path in zip(inputs, architectures, paths)
    )
    contents = await concurrently(get_digest_contents(result.digest) for result in results)
    first, *others = (_plan(path, {file.path: file.content for file in files}) for path, files in zip(paths, contents))
    return replace(first, also=tuple(others))


def _known(lock: bytes | None) -> list[FileContent]:
    return [] if lock is None else [FileContent("known.json", lock)]


def _plan(path: str, made: dict[str, bytes]) -> LockPlan:
    summary = tuple(f"  {line}" for line in json.loads(made["summary.json"]))
    return LockPlan(path, made["lock.json"], summary=summary)


def _lock_step(field_set: BaseImageLockFieldSet, inputs: Digest, architecture: str, known: bool) -> Step:
    suite = find_suite(field_set.suite.value, field_set.packages.value, str(field_set.address))
    return Step(
        argv=(
            "debian-lock", "--packages=packages", f"--suite={suite}",
            *(f"--component={name}" for name in field_set.components.value or ()),
            *(("--security",) if field_set.security.value else ()),
            *(("--known=known.json",) if known else ()),
            f"--architecture={architecture}", f"--where={field_set.address}", f"--store={STORE}",
            "--output=lock.json", "--summary=summary.json",
        ),
        description=f"Lock Debian packages of {field_set.address} for {architecture}",
        input_digest=inputs,
        output_files=("lock.json", "summary.json"),
        # What an archive offers changes from day to day.
        cache_scope=ProcessCacheScope.PER_SESSION,
        level=LogLevel.INFO,
    )  # fmt: skip


def rules():
    return [*collect_rules(), UnionRule(LockRequest, BaseImageLockRequest)]
