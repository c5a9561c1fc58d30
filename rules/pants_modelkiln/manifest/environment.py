"""From a resolve's lock to the wheels of one package."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Sequence

from pants.engine.fs import CreateDigest, FileContent
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.conventions import VENV
from modelkiln.errors import ModelkilnError
from modelkiln.frozen_json import FrozenJson
from modelkiln.manifest.closure import LockedWheel, closure, with_built
from modelkiln.manifest.requirements import check_fresh
from modelkiln.package.accelerator import Accelerator
from modelkiln.package.provided import ProvidedRequirement, check_locked
from modelkiln.wheels.file_owners import check_owners
from modelkiln.wheels.platforms import Target
from modelkiln.wording import counted
from pants_modelkiln.compat.calls import concurrently, create_digest, get_digest_contents, implicitly, rule
from pants_modelkiln.engine.step import Step, run_step
from pants_modelkiln.engine.tool_install import STORE
from pants_modelkiln.manifest.lock_file import LockFileRequest, read_lock_file
from pants_modelkiln.manifest.requirements import is_exported
from pants_modelkiln.manifest.resolved_lock import LockChoiceRequest, ResolvedLock, choose_files
from pants_modelkiln.manifest.sdists import BuiltWheelRequest, build_sdist
from pants_modelkiln.subsystem import ModelkilnSubsystem

# What the runtime imports, whatever the code does.
RUNTIME_REQUIREMENT = "numpy"
# Of what a process fetches, so many are named.
_NAMED = 5


@dataclass(frozen=True)
class ResolvedLockRequest:
    """All wheels of a resolve's lock, chosen for a target."""

    resolve: str
    target: Target


@dataclass(frozen=True)
class EnvironmentRequest:
    """The wheels that a package's requirements need, from the lock of its accelerator's resolve, but for what its
    host provides."""

    address: str
    accelerator: Accelerator
    requirements: tuple[str, ...]
    lock: ResolvedLockRequest
    provided: tuple[ProvidedRequirement, ...] = ()


@dataclass(frozen=True)
class FetchRequest:
    """Wheels to put into the store, the same ones for many packages. advertised: by names of those that an index has,
    what it says that they require."""

    wheels: tuple[LockedWheel, ...]
    advertised: tuple[tuple[str, tuple[str, ...]], ...]
    lock: ResolvedLockRequest


@dataclass(frozen=True)
class FetchedWheels:
    """Wheels as they are in the store. contents: see Environment."""

    wheels: tuple[LockedWheel, ...]
    contents: FrozenJson


@dataclass(frozen=True)
class Environment:
    """The dependency manifest of a package: its wheels, which are in the store.

    contents: of each wheel, see `modelkiln.wheels.contents`; a list under "contents". needed_by: of each wheel, by
    name, which others need it (see `LockedWheel`). diff_ids: of an image's
    layers of them and of the runtime, lowest first; empty for a package that is not an image. others: of an ensemble,
    the environments of members that are not in its own, by the path in an image. path: where it lies in an image.
    parts: of an ensemble, the environments of the members' own images that this one is made of layer by layer; none
    where its wheels lie in these elsewhere. notice: what to log when its layers are made.
    """

    wheels: tuple[LockedWheel, ...]
    contents: FrozenJson = field(compare=False)
    needed_by: FrozenJson
    diff_ids: tuple[str, ...] = ()
    others: tuple[tuple[str, Environment], ...] = ()
    path: str = VENV
    parts: tuple[Environment, ...] = ()
    notice: str = field(default="", compare=False)

    def to_json(self) -> list[dict]:
        """The list of wheels, as records and recipes hold it."""
        return [wheel.to_json() for wheel in self.wheels]


@rule(desc="Choose wheels from a lock", level=LogLevel.DEBUG)
async def choose_wheels(request: ResolvedLockRequest) -> ResolvedLock:
    """Choose from the resolve's lock, which must have all of its requirements, unless a tool exported it that knows
    another set of them: then it is for each package to miss its own."""
    lock = await read_lock_file(LockFileRequest(request.resolve), **implicitly())
    resolved = await choose_files(LockChoiceRequest(lock.path, lock.content, request.target), **implicitly())
    if not is_exported(lock.content):
        check_fresh(resolved.content, lock.requirements, request.target.marker_environment(), lock.remedy)
    return ResolvedLock(resolved.content, lock.remedy, lock.build_remedy)


async def _wheels_of(request: EnvironmentRequest) -> tuple[LockedWheel, ...]:
    """The wheels of a package; those that no index has are built from their sdists.

    What such a package requires is known when it is built, and may be such packages again.
    """
    chosen = await choose_wheels(request.lock, **implicitly())
    resolved = chosen.content
    if RUNTIME_REQUIREMENT not in {wheel["name"] for wheel in resolved["wheels"]}:
        raise ModelkilnError(
            f"{request.address}: every package needs {RUNTIME_REQUIREMENT}, in which Modelkiln's runtime hands tensors "
            f"over, and the lock {resolved['lock']} lacks it. Add it to the requirements of the resolve "
            f"{request.lock.resolve!r} and lock it: {chosen.remedy}."
        )
    check_locked(request.provided, resolved["wheels"], f"{request.address}: the lock {resolved['lock']}")
    provided = [one.name for one in request.provided]
    while True:
        try:
            wheels = closure(resolved, (*request.requirements, RUNTIME_REQUIREMENT), provided, chosen.remedy)
        except ModelkilnError as error:
            raise ModelkilnError(f"{request.address}: {error}") from None
        sdists = [wheel for wheel in wheels if wheel.is_sdist]
        if not sdists:
            return wheels
        built = await concurrently(
            build_sdist(
                BuiltWheelRequest(sdist, resolved["lock"], request.lock.target.python, chosen.build_remedy),
                **implicitly(),
            )
            for sdist in sdists
        )
        resolved = FrozenJson.of(with_built(resolved, [one.wheel for one in built]))


def file_owners(options: ModelkilnSubsystem, resolve: str) -> dict[str, str]:
    """Which package has a file that several of a resolve install, by path."""
    return check_owners(options.resolve_file_owners.get(resolve, {}), f"[modelkiln.resolve_file_owners] {resolve}")


def _names(wheels: Sequence[LockedWheel]) -> str:
    names = [f"{wheel.name} {wheel.version}" for wheel in wheels[:_NAMED]]
    return ", ".join(names) + (f" and {len(wheels) - _NAMED} more" if len(wheels) > _NAMED else "")


@rule(desc="Fetch wheels", level=LogLevel.DEBUG)
async def fetch_wheels(request: FetchRequest, options: ModelkilnSubsystem) -> FetchedWheels:
    """Put the wheels into the store, once for all packages that need these."""
    wheels, resolve = request.wheels, request.lock.resolve
    decided = file_owners(options, resolve)
    chosen = {"wheels": [wheel.to_json() for wheel in wheels], "requires": dict(request.advertised)}
    owners = {"resolve": resolve, **({"owners": decided} if decided else {})}
    text = canonical_json({**request.lock.target.to_json(), **chosen, **owners})
    result = await run_step(
        Step(
            argv=("fetch", "--wheels=wheels.json", f"--store={STORE}", "--output=fetched.json"),
            description=f"Fetch {counted(len(wheels), 'wheel')} of the resolve {resolve} ({_names(wheels)})",
            input_digest=await create_digest(CreateDigest([FileContent("wheels.json", text)])),
            output_files=("fetched.json",),
            level=LogLevel.INFO,
        ),
        **implicitly(),
    )
    fetched = json.loads((await get_digest_contents(result.digest))[0].content)
    wheels = tuple(LockedWheel.from_json(wheel) for wheel in fetched["wheels"])
    return FetchedWheels(wheels, FrozenJson.of({"contents": fetched["contents"]}))


async def fetch_environment(request: EnvironmentRequest) -> Environment:
    """Choose the wheels of a package, check that they fit the accelerator, and put them into the store."""
    from modelkiln.package.consistency import check_consistency

    wheels = await _wheels_of(request)
    # Before anything is fetched: what does not fit may have gigabytes.
    check_consistency(request.address, request.accelerator, wheels, request.lock.target)
    # Of a wheel that is built here no index advertised anything.
    advertised = tuple((wheel.name, wheel.requires) for wheel in wheels if not wheel.build)
    fetched = await fetch_wheels(FetchRequest(wheels, advertised, request.lock), **implicitly())
    needed_by = FrozenJson.of({wheel.name: list(wheel.needed_by) for wheel in wheels})
    return Environment(fetched.wheels, fetched.contents, needed_by)


def rules():
    return collect_rules()
