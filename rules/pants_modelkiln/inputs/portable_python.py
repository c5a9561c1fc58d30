"""From a `portable_python` target to the interpreter that a program embeds."""

from __future__ import annotations

from dataclasses import dataclass

from pants.engine.addresses import Address, Addresses, UnparsedAddressInputs
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.base.portable_python_lock import InterpreterLock, load_interpreter_lock
from modelkiln.errors import ModelkilnError
from pants_modelkiln.compat.calls import (
    implicitly,
    resolve_targets,
    resolve_unparsed_address_inputs,
    rule,
)
from pants_modelkiln.inputs.named_files import read_named_file
from pants_modelkiln.inputs.option_addresses import named_or_option
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.portable_python import (
    PortablePythonLockField,
    PortablePythonReleaseField,
    PortablePythonVersionField,
)


@dataclass(frozen=True)
class InterpreterRequest:
    """The interpreter for the package at `address`, whose field `interpreter` says `named`.

    python: the release that its dependencies were chosen for, "3.11".
    """

    address: Address
    named: UnparsedAddressInputs
    python: str


@dataclass(frozen=True)
class PortablePythonRequest:
    """The `portable_python` at `target`, which `owner` names in its field `interpreter`."""

    owner: Address
    target: Address


@rule(level=LogLevel.DEBUG)
async def read_portable_python(request: PortablePythonRequest) -> InterpreterLock:
    """Read its lock; raises ModelkilnError for one that was made for something else than the target says."""
    target = (await resolve_targets(**implicitly(Addresses([request.target])))).expect_single()
    if not target.has_field(PortablePythonLockField):
        raise ModelkilnError(
            f"{request.owner}: `interpreter` must name a `portable_python`, but {target.address} is a `{target.alias}`."
        )
    field = target[PortablePythonLockField]
    file = await read_named_file(
        target.address, field.alias, str(field.value), f"Write it with `pants lock {target.address}`."
    )
    lock = load_interpreter_lock(file.content.decode("utf-8", "replace"), f"{target.address}: {file.path}")
    said = (target[PortablePythonVersionField].value, target[PortablePythonReleaseField].value)
    if (lock.python, lock.release) != said:
        raise ModelkilnError(
            f"{target.address}: its lock is for CPython {lock.python} of release {lock.release}, and the target says "
            f"{said[0]} of {said[1]}. Lock it again: pants lock {target.address}."
        )
    return lock


@rule(level=LogLevel.DEBUG)
async def choose_interpreter(request: InterpreterRequest, options: ModelkilnSubsystem) -> InterpreterLock:
    """Read the lock that the package or the option names; raises ModelkilnError when it does not fit."""
    addresses = await resolve_unparsed_address_inputs(
        named_or_option(request.named, "interpreter", options.interpreter), **implicitly()
    )
    if not addresses:
        raise ModelkilnError(
            f'{request.address}: the format "scie" needs an interpreter. Name a `portable_python` in the field '
            '`interpreter` or in the option [modelkiln].interpreter, or leave "scie" out of `formats`.'
        )
    lock = await read_portable_python(PortablePythonRequest(request.address, addresses[0]), **implicitly())
    if lock.minor != request.python:
        raise ModelkilnError(
            f"{request.address}: its dependencies were chosen for Python {request.python}, and {addresses[0]} is "
            f"CPython {lock.python}. Name a `portable_python` of {request.python}."
        )
    return lock


def rules():
    return collect_rules()
