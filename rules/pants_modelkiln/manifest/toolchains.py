"""The toolchain that sdists of a Python are built with."""

from __future__ import annotations

from dataclasses import dataclass

from pants.engine.addresses import Addresses
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.builds.toolchain import choose_toolchain, toolchain_glibc
from modelkiln.errors import ModelkilnError
from modelkiln.frozen_json import FrozenJson
from pants_modelkiln.compat.calls import implicitly, resolve_targets, resolve_unparsed_address_inputs, rule
from pants_modelkiln.inputs.debian_locks import debian_locks
from pants_modelkiln.inputs.option_addresses import option_addresses
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.toolchain import ToolchainLockField


@dataclass(frozen=True)
class ToolchainRequest:
    """What builds sdists for CPython `python` ("3.11")."""

    python: str


@dataclass(frozen=True)
class ChosenToolchain:
    """described: the toolchain as `modelkiln.builds.toolchain` describes it, or None where
    [modelkiln].build_toolchains names none for the Python. glibc: the release that it has, or ""."""

    described: FrozenJson | None = None
    glibc: str = ""


@rule(level=LogLevel.DEBUG)
async def find_toolchain(request: ToolchainRequest, options: ModelkilnSubsystem) -> ChosenToolchain:
    """The one of [modelkiln].build_toolchains that has this Python."""
    named = option_addresses("build_toolchains", options.build_toolchains)
    targets = await resolve_targets(
        **implicitly(Addresses(await resolve_unparsed_address_inputs(named, **implicitly())))
    )
    described = []
    for target in targets:
        if not target.has_field(ToolchainLockField):
            raise ModelkilnError(
                f"[modelkiln].build_toolchains: {target.address} is a `{target.alias}`, want a `build_toolchain`."
            )
        described.append({"name": str(target.address), "locks": await debian_locks(target)})
    chosen = choose_toolchain(described, request.python)
    if chosen is None:
        return ChosenToolchain()
    return ChosenToolchain(FrozenJson.of(chosen), toolchain_glibc(chosen))


def rules():
    return collect_rules()
