"""The lock of a resolve as the repository has it, and what writes it."""

from __future__ import annotations

from dataclasses import dataclass

from pants.backend.python.dependency_inference.module_mapper import AllPythonTargets
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import PythonRequirementsField
from pants.engine.fs import PathGlobs
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from pants_modelkiln.compat.calls import get_digest_contents, implicitly, rule
from pants_modelkiln.manifest.requirements import lock_address, lock_command, requirements_of


@dataclass(frozen=True)
class LockFileRequest:
    """The lock of a resolve, by the resolve's name."""

    resolve: str


@dataclass(frozen=True)
class LockFile:
    """A lock's path and content. requirements: all of its resolve, PEP 508. remedy: the command that writes the lock
    anew. build_remedy: the one that writes what its sdists are built with, which no other tool does."""

    path: str
    content: bytes
    requirements: tuple[str, ...]
    remedy: str
    build_remedy: str


@rule(level=LogLevel.DEBUG)
async def read_lock_file(request: LockFileRequest, setup: PythonSetup, python: AllPythonTargets) -> LockFile:
    """Read it; raises ModelkilnError for a resolve that is not there, or has no lock.

    To be asked before dependencies are: since Pants 2.31 those of a requirement are the lock, and one that does
    not exist is an error of Pants, which does not say how to make it.
    """
    path = setup.resolves.get(request.resolve)
    if not path:
        raise ModelkilnError(
            f"resolve {request.resolve!r} is not in [python].resolves of pants.toml, which has "
            f"{', '.join(sorted(setup.resolves)) or 'none'}. Add it there, or choose another "
            "one for the accelerator in [modelkiln.accelerators]."
        )
    targets = requirements_of(request.resolve, python, setup)
    contents = await get_digest_contents(**implicitly(PathGlobs([path])))
    content = contents[0].content if contents else b""
    remedy = lock_command(request.resolve, content, targets)
    if not contents:
        raise ModelkilnError(f"resolve {request.resolve!r}: its lock {path} does not exist. Write it with {remedy}.")
    wanted = tuple(str(one) for target in targets for one in target[PythonRequirementsField].value)
    return LockFile(path, content, wanted, remedy, f"pants lock {lock_address(targets)}")


def rules():
    return collect_rules()
