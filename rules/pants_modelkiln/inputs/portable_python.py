"""From a `portable_python` target to the interpreter that a program embeds."""

from __future__ import annotations

from dataclasses import dataclass

from pants.engine.addresses import Address, Addresses, UnparsedAddressInputs
from pants.engine.rules import collect_rules
from pants.engine.target import HydrateSourcesRequest
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from modelkiln.formats.portable_python_lock import InterpreterLock, load_interpreter_lock
from pants_modelkiln.compat.calls import (
    get_digest_contents,
    hydrate_sources,
    implicitly,
    resolve_targets,
    resolve_unparsed_address_inputs,
    rule,
)
from pants_modelkiln.subsystem import ModelkilnSubsystem, named_or_option
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
    target = (await resolve_targets(**implicitly(Addresses(addresses)))).expect_single()
    if not target.has_field(PortablePythonLockField):
        raise ModelkilnError(
            f"{request.address}: `interpreter` must name a `portable_python`, but {target.address} is a "
            f"`{target.alias}`."
        )
    files = await get_digest_contents(
        (await hydrate_sources(HydrateSourcesRequest(target[PortablePythonLockField]), **implicitly())).snapshot.digest
    )
    if not files:
        raise ModelkilnError(f"{target.address}: its lock does not exist. Write it with ./pants lock {target.address}.")
    lock = load_interpreter_lock(files[0].content.decode("utf-8", "replace"), f"{target.address}: {files[0].path}")
    said = (target[PortablePythonVersionField].value, target[PortablePythonReleaseField].value)
    if (lock.python, lock.release) != said:
        raise ModelkilnError(
            f"{target.address}: its lock is for CPython {lock.python} of release {lock.release}, and the target says "
            f"{said[0]} of {said[1]}. Lock it again: ./pants lock {target.address}."
        )
    if lock.minor != request.python:
        raise ModelkilnError(
            f"{request.address}: its dependencies were chosen for Python {request.python}, and {target.address} is "
            f"CPython {lock.python}. Name a `portable_python` of {request.python}."
        )
    return lock


def rules():
    return collect_rules()
