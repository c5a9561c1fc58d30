"""From a resolve's lock to the wheels of one package."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pants.backend.python.dependency_inference.module_mapper import AllPythonTargets
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import PythonRequirementsField
from pants.engine.fs import FileContent, PathGlobs
from pants.engine.rules import Get, collect_rules, rule
from pants.util.logging import LogLevel

from modelkiln.accelerators import Accelerator
from modelkiln.canonical import canonical_json
from modelkiln.errors import ModelkilnError
from modelkiln.platforms import Target
from modelkiln.python_requirements import check_fresh
from pants_modelkiln.api import create_digest, read_digest, read_globs
from pants_modelkiln.locks.resolve import lock_address, requirements_of
from pants_modelkiln.tool import STORE, Step, perform_step


@dataclass(frozen=True)
class ResolvedLockRequest:
    """All wheels of a resolve's lock, chosen for a target."""

    resolve: str
    python: str
    platform: str
    glibc: str


@dataclass(frozen=True)
class ResolvedLock:
    """The chosen wheels as JSON text, as `modelkiln build resolve` writes it."""

    text: str


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
    CUDA libraries "libraries": their folders, relative to site-packages.
    """

    wheels: str

    def to_json(self) -> list[dict]:
        """The list of wheels."""
        return json.loads(self.wheels)


def environment(request: EnvironmentRequest) -> Get:
    """Environment of a request."""
    return Get(Environment, EnvironmentRequest, request)


def resolved_lock(request: ResolvedLockRequest) -> Get:
    """ResolvedLock of a request."""
    return Get(ResolvedLock, ResolvedLockRequest, request)


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
    contents = await read_globs(PathGlobs([path]))
    if not contents:
        raise ModelkilnError(f"resolve {request.resolve!r}: its lock {path} does not exist. Write it with {remedy}.")
    lock = await create_digest([FileContent("lock.txt", _significant(contents[0].content))])
    result = await perform_step(
        Step(
            argv=(
                "resolve", "--lock=lock.txt", f"--name={path}", f"--python={request.python}",
                f"--platform={request.platform}", f"--glibc={request.glibc}",
                f"--store={STORE}", "--output=resolved.json",
            ),
            description=f"Choose wheels for {request.platform} from {path}",
            input_digest=lock,
            output_files=("resolved.json",),
        )
    )  # fmt: skip
    text = (await read_digest(result.digest))[0].content.decode()
    wanted = [str(requirement) for target in requirements for requirement in target[PythonRequirementsField].value]
    check_fresh(json.loads(text), wanted, Target(**_target(request)).marker_environment(), remedy)
    return ResolvedLock(text)


def _significant(lock: bytes) -> bytes:
    # A changed comment must not choose wheels anew.
    lines = (line.rstrip() for line in lock.decode("utf-8", "replace").splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.lstrip().startswith("#")).encode()


@rule(desc="Fetch a package's wheels", level=LogLevel.DEBUG)
async def fetch_environment(request: EnvironmentRequest) -> Environment:
    from modelkiln.consistency import check_consistency
    from modelkiln.environment import closure

    if not request.requirements:
        return Environment("[]")
    resolved = await resolved_lock(request.lock)
    try:
        wheels = closure(json.loads(resolved.text), request.requirements)
    except ModelkilnError as error:
        raise ModelkilnError(f"{request.address}: {error}") from None
    # Before anything is fetched: what does not fit may have gigabytes.
    check_consistency(request.address, request.accelerator, wheels, Target(**_target(request.lock)))
    text = canonical_json({**_target(request.lock), "wheels": [wheel.to_json() for wheel in wheels]})
    result = await perform_step(
        Step(
            argv=("fetch", "--wheels=wheels.json", f"--store={STORE}", "--output=fetched.json"),
            description=f"Fetch {len(wheels)} wheels for {request.address}",
            input_digest=await create_digest([FileContent("wheels.json", text)]),
            output_files=("fetched.json",),
        )
    )
    fetched = json.loads((await read_digest(result.digest))[0].content)
    return Environment(canonical_json(fetched["wheels"]).decode())


def rules():
    return collect_rules()
