"""Locks of model artifacts: exact files with their hashes, read once into the store."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pants.base.build_root import BuildRoot
from pants.engine.process import ProcessCacheScope
from pants.engine.rules import collect_rules
from pants.engine.target import FieldSet, Target
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from modelkiln.weights.selection import parse_source
from pants_modelkiln.compat.calls import implicitly, rule
from pants_modelkiln.engine.step import Step, prepare_step
from pants_modelkiln.engine.tool import locking_tool
from pants_modelkiln.engine.tool_install import STORE
from pants_modelkiln.locks.request import LockPlan, LockRequest
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.artifact import (
    ModelArtifactAllowCodeField,
    ModelArtifactAllowPickleField,
    ModelArtifactExcludeField,
    ModelArtifactFolderField,
    ModelArtifactIncludeField,
    ModelArtifactLockField,
    ModelArtifactSourceField,
    allowed_in,
)


@dataclass(frozen=True)
class WeightsLockFieldSet(FieldSet):
    required_fields = (ModelArtifactSourceField, ModelArtifactLockField)

    source: ModelArtifactSourceField
    lock: ModelArtifactLockField
    include: ModelArtifactIncludeField
    exclude: ModelArtifactExcludeField
    folder: ModelArtifactFolderField
    allow_pickle: ModelArtifactAllowPickleField
    allow_code: ModelArtifactAllowCodeField

    @classmethod
    def opt_out(cls, tgt: Target) -> bool:
        """Files of the repository need no lock."""
        return not tgt[ModelArtifactLockField].value


@dataclass(frozen=True)
class WeightsLockRequest(LockRequest):
    """A `model_artifact` that has a lock."""

    field_set_type = WeightsLockFieldSet
    field_set: WeightsLockFieldSet


@rule(desc="Lock a model artifact", level=LogLevel.DEBUG)
async def lock_weights(request: WeightsLockRequest, build_root: BuildRoot, subsystem: ModelkilnSubsystem) -> LockPlan:
    """Have a step read the source and write the lock, in the foreground."""
    fields = request.field_set
    address = fields.address
    if not fields.source.value:
        raise ModelkilnError(f"{address}: name in the field `source` what `pants lock` shall read: a path or URI.")
    try:
        uri, include, exclude = parse_source(fields.source.value)
    except ModelkilnError as error:
        raise ModelkilnError(f"{address}: {error}") from None
    include = (*include, *(fields.include.value or ()))
    exclude = (*exclude, *(fields.exclude.value or ()))
    allowed = allowed_in(fields.allow_pickle, fields.allow_code)
    step = Step(
        argv=(
            "lock-weights", f"--source={uri}", *(f"--include={pattern}" for pattern in include),
            *(f"--exclude={pattern}" for pattern in exclude),
            f"--folder={os.path.join(build_root.path, address.spec_path)}", f"--where={address}",
            f"--store={STORE}", *((f"--inside={fields.folder.value}",) if fields.folder.value else ()),
            *allowed.arguments(), *(("--check",) if request.check else ()),
        ),
        description=f"Lock {address}",
        cache_scope=ProcessCacheScope.PER_SESSION,
        # Locking checks files by content, so it needs what checks need.
        tool=locking_tool(uri, subsystem),
    )  # fmt: skip
    process = await prepare_step(step, **implicitly())
    return LockPlan(os.path.join(address.spec_path, fields.lock.value), process=process.process)


def rules():
    return [*collect_rules(), UnionRule(LockRequest, WeightsLockRequest)]
