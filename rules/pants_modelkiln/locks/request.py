"""What locking is to `pants lock`: one request for each kind of target, distinguished by unions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pants.engine.environment import EnvironmentName
from pants.engine.process import Process
from pants.engine.rules import collect_rules
from pants.engine.target import FieldSet
from pants.engine.unions import union

from pants_modelkiln.compat.calls import rule


@union(in_scope_types=[EnvironmentName])
@dataclass(frozen=True)
class LockRequest:
    """A target to lock.

    A kind's module subclasses it, gives a rule from its class to LockPlan, and registers it with
    `UnionRule(LockRequest, ItsRequest)`. field_set_type: selects the targets of the kind;
    its `opt_out` leaves out those with nothing to pin.
    """

    field_set_type: ClassVar[type[FieldSet]]

    field_set: FieldSet
    check: bool


@dataclass(frozen=True)
class LockPlan:
    """A lock file to write, or how it is written.

    path: in the repository. content: the lock, or None where `process` makes it. process: runs in
    the foreground, so that people see its progress, with the absolute path of the lock as its
    last argument; it writes that file, or with `check` compares and exits with 1. summary: lines
    for people on what changed. also: further locks of the same target.
    """

    path: str
    content: bytes | None = None
    process: Process | None = None
    summary: tuple[str, ...] = ()
    also: tuple[LockPlan, ...] = ()


@rule(polymorphic=True)
async def plan_lock(request: LockRequest) -> LockPlan:
    """Make the plan of a lock, by the rule of the target's kind."""
    raise NotImplementedError


def rules():
    return collect_rules()
