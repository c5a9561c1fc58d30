"""The `python_requirement` targets of a resolve, and the address that locks it."""

from __future__ import annotations

from typing import Iterable

from pants.backend.python.dependency_inference.module_mapper import AllPythonTargets
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import PythonRequirementResolveField
from pants.engine.target import Target

from modelkiln.manifest.locks.exports import export_command, is_export
from modelkiln.manifest.locks.pex import is_pex_lock
from modelkiln.manifest.locks.pylock import is_exported_pylock, is_pylock, pylock_command
from modelkiln.manifest.locks.uv import is_uv_lock

# What Pants calls the project that it has uv lock.
_PANTS_PROJECT = 'name = "pants-lockfile-for-'


def resolve_name(field: PythonRequirementResolveField, setup: PythonSetup) -> str:
    """The resolve that a field names, else the default one."""
    # Without resolves there is one lock, which Pants' fields do not name.
    return field.normalized_value(setup) if setup.enable_resolves else setup.default_resolve


def requirements_of(resolve: str, python: AllPythonTargets, setup: PythonSetup) -> list[Target]:
    """The `python_requirement` targets of a resolve."""
    return [
        target for target in python.third_party if resolve_name(target[PythonRequirementResolveField], setup) == resolve
    ]


def other_lock_command(resolve: str, lock: bytes) -> str:
    """The command that makes the lock of a resolve where that is Pants' goal or another tool's, else nothing."""
    text = lock.decode("utf-8", "replace")
    if is_pylock(text):
        return pylock_command(text)
    if is_pex_lock(text) or (is_uv_lock(text) and _PANTS_PROJECT in text):
        return f"pants generate-lockfiles --resolve={resolve}"
    return "uv lock" if is_uv_lock(text) else export_command(text)


def is_exported(lock: bytes) -> bool:
    """Whether a project's tool wrote a lock for others: of what BUILD files require it may lack the project's own
    members and groups that were left out."""
    text = lock.decode("utf-8", "replace")
    return is_exported_pylock(text) if is_pylock(text) else is_export(text)


def lock_command(resolve: str, lock: bytes, requirements: Iterable[Target]) -> str:
    """The command that writes the lock of a resolve with these requirements anew."""
    return other_lock_command(resolve, lock) or f"pants lock {lock_address(requirements)}"


def lock_address(requirements: Iterable[Target]) -> str:
    """What people name to lock the resolve that has these requirements: `3rdparty/python:cpu`."""
    return min((str(target.address.maybe_convert_to_target_generator()) for target in requirements), default="::")
