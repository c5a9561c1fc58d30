"""`pants lock`: the one goal that pins anything."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pants.engine.console import Console
from pants.engine.fs import Digest, FileContent, GlobMatchErrorBehavior, PathGlobs, Workspace
from pants.engine.goal import Goal, GoalSubsystem
from pants.engine.process import ProcessCacheScope
from pants.engine.rules import Get, collect_rules, goal_rule, rule
from pants.engine.target import FieldSet, FilteredTargets
from pants.option.option_types import BoolOption
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from pants_modelkiln.api import (
    add_prefix,
    concurrently,
    create_digest,
    merge_digests,
    read_digest,
    read_globs,
)
from pants_modelkiln.target_types.base_image import (
    BaseImageArchitectureField,
    BaseImageLockField,
    BaseImagePackagesField,
    BaseImageSuiteField,
)
from pants_modelkiln.tool import STORE, Step, perform_step


class LockSubsystem(GoalSubsystem):
    name = "lock"
    help = "Pin what targets are made of: writes the lock files that packages are built from."

    check = BoolOption(
        default=False,
        help="Write nothing; fail where a lock does not match what it was made from.",
    )


class Lock(Goal):
    subsystem_cls = LockSubsystem
    environment_behavior = Goal.EnvironmentBehavior.LOCAL_ONLY


@dataclass(frozen=True)
class BaseImageLockFieldSet(FieldSet):
    required_fields = (BaseImagePackagesField, BaseImageLockField)

    packages: BaseImagePackagesField
    lock: BaseImageLockField
    suite: BaseImageSuiteField
    architecture: BaseImageArchitectureField


@dataclass(frozen=True)
class NewLock:
    """A lock file: its path in the repository and a Digest that holds it there."""

    path: str
    digest: Digest
    content: bytes


def new_lock(field_set: BaseImageLockFieldSet) -> Get:
    """NewLock of a base image."""
    return Get(NewLock, BaseImageLockFieldSet, field_set)


@rule(desc="Lock a base image", level=LogLevel.DEBUG)
async def lock_base_image(field_set: BaseImageLockFieldSet) -> NewLock:
    folder = field_set.address.spec_path
    packages = await read_globs(
        PathGlobs(
            [os.path.join(folder, field_set.packages.value)],
            glob_match_error_behavior=GlobMatchErrorBehavior.error,
            description_of_origin=f"the field `packages` of {field_set.address}",
        )
    )
    name = field_set.lock.value
    result = await perform_step(
        Step(
            argv=(
                "debian-lock", "--packages=packages", f"--suite={field_set.suite.value}",
                f"--architecture={field_set.architecture.value}", f"--store={STORE}",
                f"--output={os.path.basename(name)}",
            ),
            description=f"Lock Debian packages of {field_set.address}",
            input_digest=await create_digest([FileContent("packages", packages[0].content)]),
            output_files=(os.path.basename(name),),
            # What an archive offers changes from day to day.
            cache_scope=ProcessCacheScope.PER_SESSION,
        )
    )  # fmt: skip
    digest = await add_prefix(result.digest, os.path.join(folder, os.path.dirname(name)))
    content = (await read_digest(digest))[0]
    return NewLock(content.path, digest, content.content)


@goal_rule
async def lock_targets(
    targets: FilteredTargets, console: Console, workspace: Workspace, subsystem: LockSubsystem
) -> Lock:
    field_sets = [
        BaseImageLockFieldSet.create(target)
        for target in targets
        if BaseImageLockFieldSet.is_applicable(target) and target[BaseImagePackagesField].value
    ]
    for field_set in field_sets:
        if not field_set.lock.value:
            raise ModelkilnError(
                f"{field_set.address}: name the file to write in the field `lock`, such as "
                f'lock="{field_set.address.target_name}.lock.json".'
            )
    locks = await concurrently(new_lock(field_set) for field_set in field_sets)
    known = await read_globs(PathGlobs([lock.path for lock in locks]))
    before = {file.path: file.content for file in known}
    changed = [lock for lock in locks if before.get(lock.path) != lock.content]
    for lock in locks:
        state = "unchanged" if lock not in changed else "differs" if subsystem.check else "written"
        console.print_stdout(f"{lock.path}: {state}")
    if subsystem.check:
        return Lock(exit_code=1 if changed else 0)
    workspace.write_digest(await merge_digests(lock.digest for lock in changed))
    return Lock(exit_code=0)


def rules():
    return collect_rules()
