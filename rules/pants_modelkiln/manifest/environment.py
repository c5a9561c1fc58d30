"""From a resolve's lock to the wheels of one package."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Sequence

from pants.backend.python.dependency_inference.module_mapper import AllPythonTargets
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import PythonRequirementsField
from pants.engine.fs import CreateDigest, FileContent, PathGlobs
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.errors import ModelkilnError
from modelkiln.manifest.requirements import check_fresh
from modelkiln.package.accelerator import Accelerator
from modelkiln.wheels.platforms import Target
from pants_modelkiln.compat.calls import concurrently, create_digest, get_digest_contents, implicitly, rule
from pants_modelkiln.engine.step import Step, run_step
from pants_modelkiln.engine.tool import STORE
from pants_modelkiln.manifest.requirements import lock_address, requirements_of
from pants_modelkiln.manifest.resolved_lock import LockChoiceRequest, ResolvedLock, choose_files
from pants_modelkiln.manifest.sdists import BuiltWheelRequest, build_sdist

if TYPE_CHECKING:
    from modelkiln.manifest.closure import LockedWheel

# Of what a process fetches, so many are named.
_NAMED = 5


@dataclass(frozen=True)
class ResolvedLockRequest:
    """All wheels of a resolve's lock, chosen for a target."""

    resolve: str
    python: str
    platform: str
    glibc: str


@dataclass(frozen=True)
class EnvironmentRequest:
    """The wheels that a package's requirements need, from the lock of its accelerator's resolve."""

    address: str
    accelerator: Accelerator
    requirements: tuple[str, ...]
    lock: ResolvedLockRequest


@dataclass(frozen=True)
class Environment:
    """The dependency manifest of a package: its wheels as a JSON list.

    Each has name, version, filename, sha256 (hex), size and unpacked_size (bytes), and where it has
    CUDA libraries "libraries": their folders, relative to site-packages; where it was built from an
    sdist "build": the sdist's hash and the wheels that built it.
    """

    wheels: str

    def to_json(self) -> list[dict]:
        """The list of wheels."""
        return json.loads(self.wheels)


def _target(lock: ResolvedLockRequest) -> dict[str, str]:
    return {"python": lock.python, "platform": lock.platform, "glibc": lock.glibc}


@rule(desc="Choose wheels from a lock", level=LogLevel.DEBUG)
async def choose_wheels(
    request: ResolvedLockRequest, python_setup: PythonSetup, python: AllPythonTargets
) -> ResolvedLock:
    path = python_setup.resolves.get(request.resolve)
    if not path:
        raise ModelkilnError(
            f"resolve {request.resolve!r} is not in [python].resolves of pants.toml, which has "
            f"{', '.join(sorted(python_setup.resolves)) or 'none'}. Add it there, or choose another "
            "one for the accelerator in [modelkiln.accelerators]."
        )
    requirements = requirements_of(request.resolve, python, python_setup)
    remedy = f"./pants lock {lock_address(requirements)}"
    contents = await get_digest_contents(**implicitly(PathGlobs([path])))
    if not contents:
        raise ModelkilnError(f"resolve {request.resolve!r}: its lock {path} does not exist. Write it with {remedy}.")
    resolved = await choose_files(LockChoiceRequest(path, contents[0].content, **_target(request)), **implicitly())
    wanted = [str(requirement) for target in requirements for requirement in target[PythonRequirementsField].value]
    check_fresh(json.loads(resolved.text), wanted, Target(**_target(request)).marker_environment(), remedy)
    return ResolvedLock(resolved.text, remedy)


async def _wheels_of(request: EnvironmentRequest) -> tuple[LockedWheel, ...]:
    """The wheels of a package; those that no index has are built from their sdists.

    What such a package requires is known when it is built, and may be such packages again.
    """
    from modelkiln.manifest.closure import closure, with_built

    chosen = await choose_wheels(request.lock, **implicitly())
    resolved = json.loads(chosen.text)
    while True:
        try:
            wheels = closure(resolved, request.requirements)
        except ModelkilnError as error:
            raise ModelkilnError(f"{request.address}: {error}") from None
        sdists = [canonical_json(wheel.to_json()).decode() for wheel in wheels if wheel.is_sdist]
        if not sdists:
            return wheels
        built = await concurrently(
            build_sdist(BuiltWheelRequest(sdist, resolved["lock"], request.lock.python, chosen.remedy), **implicitly())
            for sdist in sdists
        )
        resolved = with_built(resolved, [json.loads(one.text) for one in built])


@rule(desc="Fetch a package's wheels", level=LogLevel.DEBUG)
async def fetch_environment(request: EnvironmentRequest) -> Environment:
    from modelkiln.package.consistency import check_consistency

    if not request.requirements:
        return Environment("[]")
    wheels = await _wheels_of(request)
    # Before anything is fetched: what does not fit may have gigabytes.
    check_consistency(request.address, request.accelerator, wheels, Target(**_target(request.lock)))
    # Of a wheel that is built here no index told anything.
    told = {wheel.name: list(wheel.requires) for wheel in wheels if not wheel.build}
    text = canonical_json({**_target(request.lock), "wheels": [wheel.to_json() for wheel in wheels], "requires": told})
    result = await run_step(
        Step(
            argv=("fetch", "--wheels=wheels.json", f"--store={STORE}", "--output=fetched.json"),
            description=f"Fetch {len(wheels)} wheels for {request.address} ({_names(wheels)})",
            input_digest=await create_digest(CreateDigest([FileContent("wheels.json", text)])),
            output_files=("fetched.json",),
            level=LogLevel.INFO,
        ),
        **implicitly(),
    )
    fetched = json.loads((await get_digest_contents(result.digest))[0].content)
    return Environment(canonical_json(fetched["wheels"]).decode())


def _names(wheels: Sequence[LockedWheel]) -> str:
    names = [f"{wheel.name} {wheel.version}" for wheel in wheels[:_NAMED]]
    return ", ".join(names) + (f" and {len(wheels) - _NAMED} more" if len(wheels) > _NAMED else "")


def rules():
    return collect_rules()
