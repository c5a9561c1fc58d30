"""Locks of portable CPythons."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pants.engine.process import ProcessCacheScope
from pants.engine.rules import collect_rules
from pants.engine.target import FieldSet
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from pants_modelkiln.compat.calls import implicitly, rule
from pants_modelkiln.engine.step import Step, prepare_step
from pants_modelkiln.engine.tool import scie_tool
from pants_modelkiln.engine.tool_install import STORE
from pants_modelkiln.locks.request import LockPlan, LockRequest
from pants_modelkiln.target_types.portable_python import (
    PortablePythonArchitecturesField,
    PortablePythonLockField,
    PortablePythonReleaseField,
    PortablePythonScieField,
    PortablePythonVersionField,
)


@dataclass(frozen=True)
class PortablePythonLockFieldSet(FieldSet):
    required_fields = (PortablePythonVersionField, PortablePythonLockField)

    python_version: PortablePythonVersionField
    pbs_release: PortablePythonReleaseField
    architectures: PortablePythonArchitecturesField
    scie: PortablePythonScieField
    lock: PortablePythonLockField


@dataclass(frozen=True)
class PortablePythonLockRequest(LockRequest):
    """A `portable_python`."""

    field_set_type = PortablePythonLockFieldSet
    field_set: PortablePythonLockFieldSet


@rule(desc="Lock a portable CPython", level=LogLevel.DEBUG)
async def lock_portable_python(request: PortablePythonLockRequest) -> LockPlan:
    """Have a step write the lock, in the foreground."""
    fields = request.field_set
    step = Step(
        argv=(
            "lock-interpreter", f"--python={fields.python_version.value}", f"--release={fields.pbs_release.value}",
            *(f"--architecture={name}" for name in dict.fromkeys(fields.architectures.value or ())),
            *(() if fields.scie.value else ("--no-scie",)),
            f"--where={fields.address}", f"--store={STORE}", *(("--check",) if request.check else ()),
        ),
        description=f"Lock {fields.address}",
        cache_scope=ProcessCacheScope.PER_SESSION,
        tool=scie_tool() if fields.scie.value else None,
    )  # fmt: skip
    path = os.path.join(fields.address.spec_path, str(fields.lock.value))
    return LockPlan(path, process=(await prepare_step(step, **implicitly())).process)


def rules():
    return [*collect_rules(), UnionRule(LockRequest, PortablePythonLockRequest)]
