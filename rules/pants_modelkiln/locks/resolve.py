"""Locks of Python resolves: what their requirements ask for, pinned by pip-tools."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace

from pants.backend.python.dependency_inference.module_mapper import AllPythonTargets
from pants.backend.python.macros.python_requirements import PythonRequirementsSourceField
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import PythonRequirementResolveField, PythonRequirementsField
from pants.engine.addresses import Addresses
from pants.engine.fs import CreateDigest, DigestContents, FileContent, GlobMatchErrorBehavior, PathGlobs
from pants.engine.process import ProcessCacheScope
from pants.engine.rules import collect_rules
from pants.engine.target import FieldSet, Target
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.errors import ModelkilnError
from modelkiln.manifest.requirements import included_files
from modelkiln.manifest.sdists import check_extra_requirements
from pants_modelkiln.compat.calls import (
    create_digest,
    get_digest_contents,
    implicitly,
    resolve_unexpanded_targets,
    rule,
)
from pants_modelkiln.engine.machine_python import MachinePythonRequest, find_python
from pants_modelkiln.engine.step import Step, run_step
from pants_modelkiln.engine.tool_install import STORE, ToolRequest, own_python
from pants_modelkiln.locks.goal import LockSubsystem
from pants_modelkiln.locks.request import LockPlan, LockRequest
from pants_modelkiln.manifest.requirements import lock_address, other_lock_command, requirements_of, resolve_name
from pants_modelkiln.manifest.resolve_python import resolve_python
from pants_modelkiln.manifest.resolved_lock import build_lock_of
from pants_modelkiln.subsystem import ModelkilnSubsystem

# Requirements that BUILD files hold themselves, in `python_requirement` targets.
_INLINE = "BUILD.in"
_EXTRA = ".extra_build_requirements.json"


@dataclass(frozen=True)
class RequirementLockFieldSet(FieldSet):
    required_fields = (PythonRequirementsField, PythonRequirementResolveField)

    resolve: PythonRequirementResolveField


@dataclass(frozen=True)
class RequirementLockRequest(LockRequest):
    """A requirement of a resolve. All of the resolve are locked together."""

    field_set_type = RequirementLockFieldSet
    field_set: RequirementLockFieldSet


@dataclass(frozen=True)
class ResolveLockRequest:
    """A resolve to lock."""

    name: str


async def _read(paths: tuple[str, ...], origin: str) -> DigestContents:
    missing = GlobMatchErrorBehavior.error
    globs = PathGlobs(paths, glob_match_error_behavior=missing, description_of_origin=origin)
    return await get_digest_contents(**implicitly({globs: PathGlobs}))


async def _read_included(sources: tuple[FileContent, ...]) -> tuple[FileContent, ...]:
    """The files that requirements files include, and those that they include in turn."""
    found = {file.path: file for file in sources}
    waiting = sources
    while waiting:
        names = {name for file in waiting for name in included_files(file.content.decode("utf-8"), file.path)}
        names -= set(found)
        waiting = await _read(tuple(sorted(names)), "`-r` and `-c` in requirements files") if names else ()
        found.update({file.path: file for file in waiting})
    return tuple(found[path] for path in sorted(set(found) - {file.path for file in sources}))


async def _read_sources(requirements: list[Target]) -> tuple[FileContent, ...]:
    """What a resolve's requirements are written in: files, and one for those in BUILD files."""
    owners = sorted({target.address.maybe_convert_to_target_generator() for target in requirements})
    targets = await resolve_unexpanded_targets(Addresses(owners))
    generators = [target for target in targets if target.has_field(PythonRequirementsSourceField)]
    paths = [
        posixpath.join(target.address.spec_path, target[PythonRequirementsSourceField].value) for target in generators
    ]
    files = list(await _read(tuple(paths), "the field `source` of `python_requirements`")) if paths else []
    generated = {target.address for target in generators}
    inline = sorted(
        str(requirement)
        for target in requirements
        if target.address.maybe_convert_to_target_generator() not in generated
        for requirement in target[PythonRequirementsField].value
    )
    if inline:
        files.append(FileContent(_INLINE, "".join(f"{line}\n" for line in inline).encode()))
    return tuple(files)


def shared_locks(name: str, setup: PythonSetup, options: ModelkilnSubsystem) -> list[str]:
    """The locks whose pins a resolve shares, after `[modelkiln.resolve_constraints]`."""
    shared = options.resolve_constraints.get(name, [])
    unknown = (
        [other for other in shared if other not in setup.resolves] if isinstance(shared, (list, tuple)) else [shared]
    )
    if unknown:
        raise ModelkilnError(
            f"[modelkiln.resolve_constraints] {name}: {unknown[0]!r} is not a list of resolves of [python.resolves], "
            f"which has {', '.join(sorted(setup.resolves))}."
        )
    return [setup.resolves[other] for other in shared]


async def _locking_tool(name: str, release: str) -> ToolRequest:
    """pip-tools, which looks for what its own interpreter can use."""
    wanted = MachinePythonRequest.of(release, f"resolve {name!r}: its lock")
    if own_python(wanted.constraints) is None:
        await find_python(wanted, **implicitly())  # Said of the resolve, where there is none.
    return ToolRequest("pip_tools.txt", wanted.constraints)


@rule(desc="Lock a Python resolve", level=LogLevel.DEBUG)
async def lock_resolve(
    request: ResolveLockRequest,
    python: AllPythonTargets,
    setup: PythonSetup,
    options: ModelkilnSubsystem,
    locking: LockSubsystem,
) -> LockPlan:
    """Have pip-tools choose versions, then lock what their sdists are built with."""
    lock = setup.resolves[request.name]
    build_lock = build_lock_of(lock)
    known = {file.path: file for file in await get_digest_contents(**implicitly(PathGlobs([lock, build_lock])))}
    # A lock of Pex or uv is theirs to write, and what its sdists are built with is ours.
    command = other_lock_command(request.name, known[lock].content) if lock in known else ""
    shared = shared_locks(request.name, setup, options)
    known.update({file.path: file for file in await get_digest_contents(**implicitly(PathGlobs(shared)))})
    requirements = requirements_of(request.name, python, setup)
    sources = () if command else await _read_sources(requirements)
    included = await _read_included(sources)
    release = resolve_python(request.name, setup)
    files = {file.path: FileContent(file.path, file.content) for file in (*known.values(), *sources, *included)}
    extra = check_extra_requirements(options.extra_build_requirements)
    if extra:
        files[_EXTRA] = FileContent(_EXTRA, canonical_json(extra))
    summaries = {lock: "summary.txt", build_lock: "build-summary.txt"}
    result = await run_step(Step(
            argv=(
                "python-lock", f"--lock={lock}", f"--resolve={request.name}", f"--python={release}",
                f"--address={lock_address(requirements)}", f"--store={STORE}", "--summary=summary.txt",
                f"--build-lock={build_lock}", "--build-summary=build-summary.txt",
                *(f"--source={file.path}" for file in sources),
                *(f"--share={path}" for path in shared if path in known),
                *(("--upgrade",) if locking.upgrade else ()),
                *((f"--extra-build-requirements={_EXTRA}",) if extra else ()),
            ),
            description=f"Lock the resolve {request.name}",
            input_digest=await create_digest(CreateDigest(files.values())),
            output_files=(*summaries, *summaries.values()),
            # What an index offers changes from hour to hour.
            cache_scope=ProcessCacheScope.PER_SESSION,
            tool=await _locking_tool(request.name, release),
            level=LogLevel.INFO,  # It takes long enough to be seen.
        ), **implicitly())  # fmt: skip
    written = {file.path: file.content for file in await get_digest_contents(result.digest)}
    summary = {path: tuple(written[name].decode().splitlines()) for path, name in summaries.items() if name in written}
    if command:
        summary = {lock: (f"  `{command}` makes it",), **summary}
    plan, *also = (LockPlan(path, written[path], summary=summary[path]) for path in summary)
    return replace(plan, also=tuple(also))


@rule(level=LogLevel.DEBUG)
async def lock_requirement(request: RequirementLockRequest, setup: PythonSetup) -> LockPlan:
    """Lock the resolve that the requirement is in."""
    return await lock_resolve(ResolveLockRequest(resolve_name(request.field_set.resolve, setup)), **implicitly())


def rules():
    return [*collect_rules(), UnionRule(LockRequest, RequirementLockRequest)]
