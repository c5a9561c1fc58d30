"""`pants lock`: the one goal that pins anything."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace

from pants.base.build_root import BuildRoot
from pants.engine.console import Console
from pants.engine.fs import CreateDigest, FileContent, PathGlobs, Workspace
from pants.engine.goal import Goal, GoalSubsystem
from pants.engine.process import InteractiveProcess
from pants.engine.rules import collect_rules, goal_rule
from pants.engine.target import FilteredTargets
from pants.engine.unions import UnionMembership
from pants.option.option_types import BoolOption
from pants.util.frozendict import FrozenDict
from pants.util.strutil import help_text

from modelkiln.errors import ModelkilnError
from pants_modelkiln.compat.calls import (
    concurrently,
    create_digest,
    get_digest_contents,
    implicitly,
    run_interactive_process,
)
from pants_modelkiln.locks.request import LockPlan, LockRequest, plan_lock

_COMMANDS = itertools.count()


class LockSubsystem(GoalSubsystem):
    name = "lock"
    help = "Pin what targets are made of: writes the lock files that packages are built from."

    check = BoolOption(
        default=False,
        help="Write nothing; fail where a lock does not match what it was made from.",
    )
    upgrade = BoolOption(
        default=False,
        help=help_text("""
            Take the newest versions that the requirements of a Python resolve allow. Otherwise what
            its lock pins stays as it is, as far as it fits.
            """),
    )


class Lock(Goal):
    subsystem_cls = LockSubsystem
    environment_behavior = Goal.EnvironmentBehavior.LOCAL_ONLY


@goal_rule
async def lock_targets(
    targets: FilteredTargets,
    unions: UnionMembership,
    build_root: BuildRoot,
    console: Console,
    workspace: Workspace,
    subsystem: LockSubsystem,
) -> Lock:
    """Plan all locks, write or check them, and print what changed."""
    requests = [
        kind(kind.field_set_type.create(target), subsystem.check)
        for target in targets
        for kind in unions.get(LockRequest)
        if kind.field_set_type.is_applicable(target)
    ]
    if not requests:
        raise ModelkilnError(
            "lock: none of the given targets can be locked. Name a `model_artifact` with a `lock`, an "
            "`oci_base_image` with `packages`, or the requirements of a resolve; `::` locks all there are."
        )
    # Several targets may have one lock: all requirements of a resolve.
    made = await concurrently(plan_lock(**implicitly({request: LockRequest})) for request in requests)
    plans = {plan.path: plan for first in made for plan in (first, *first.also)}.values()
    known = await get_digest_contents(**implicitly(PathGlobs([plan.path for plan in plans])))
    before = {file.path: file.content for file in known}
    fresh = [plan for plan in plans if plan.content is not None]
    changed = [plan for plan in fresh if before.get(plan.path) != plan.content]
    if changed and not subsystem.check:
        files = [FileContent(plan.path, plan.content) for plan in changed]
        workspace.write_digest(await create_digest(CreateDigest(files)))
    for plan in fresh:
        state = "unchanged" if plan not in changed else "differs" if subsystem.check else "written"
        console.print_stdout("\n".join((f"{plan.path}: {state}", *plan.summary)))
    code = 1 if changed and subsystem.check else 0
    for plan in plans:
        if plan.process is not None:
            # One after the other: each shows its progress on the terminal.
            result = await run_interactive_process(_foreground(plan, build_root))
            code = code or result.exit_code
    return Lock(exit_code=code)


def _foreground(plan: LockPlan, build_root: BuildRoot) -> InteractiveProcess:
    assert plan.process is not None
    target = os.path.join(build_root.path, plan.path)
    # Pants from 2.31 on marks the process that it is given, and may then run an equal one of an earlier command, which
    # lacks the mark: it would warn of a call that is not there.
    env = FrozenDict({**plan.process.env, "MODELKILN_LOCKING": str(next(_COMMANDS))})
    return InteractiveProcess.from_process(replace(plan.process, argv=(*plan.process.argv, target), env=env))


def rules():
    return collect_rules()
