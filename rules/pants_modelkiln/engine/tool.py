"""The engine as a tool: how a build step becomes a process."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable

from pants.backend.python.util_rules.pex_environment import PexEnvironment
from pants.base.build_environment import get_buildroot
from pants.engine.env_vars import CompleteEnvironmentVars
from pants.engine.fs import CreateDigest, Digest, FileContent, MergeDigests
from pants.engine.rules import collect_rules
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

from modelkiln.base.portable_python import MIRROR_VARIABLE
from modelkiln.machine.settings import INSECURE_REGISTRIES, save_machine_env, save_machine_file
from modelkiln.recipe import REGISTRY, Recipe
from modelkiln.sources.clients import CLIENT_SCHEMES
from modelkiln.sources.git_lfs import CHECKOUT
from modelkiln.sources.source import scheme_of
from modelkiln.store.caches import TOOL_MARK
from pants_modelkiln.compat.calls import create_digest, implicitly, merge_digests, rule
from pants_modelkiln.engine.programs.tool_environment import PROGRAM
from pants_modelkiln.engine.tool_install import STORE, TOOL_FILE, ToolRequest, install_tool
from pants_modelkiln.subsystem import ModelkilnSubsystem

TOOL = "__modelkiln"

# Which interpreter runs the engine, and where its environment and the machine's programs are, is
# this machine's business: a layer's process must have the same key on every machine, so that a remote
# cache serves all of them. The shim therefore reads it from next to the store, in a file that no key
# holds. Where there is none, as on a worker of remote execution, any Python on PATH runs the tool,
# which is declared as an input and makes its environment itself. The path of the environment is not one in
# a sandbox: what Pex remembers of an interpreter it finds again by that. The mark in it spares it from being cleaned
# away until Python has its lock (modelkiln.store.caches).
_SHIM = f"""#!/bin/sh
set -eu
tool=${{0%/*}} state={STORE}/tools/$1
shift
export LC_ALL=C.UTF-8
if [ -r "$state" ]; then
  {{ IFS= read -r python; IFS= read -r environment; IFS= read -r PATH; }} <"$state"
  export PATH
  {{ true >"$environment/{TOOL_MARK}"; }} 2>/dev/null || :
  if [ -x "$environment/bin/python" ]; then exec "$environment/bin/python" -I "$environment/{PROGRAM}" "$@"; fi
else
  PATH=${{PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}}
  export PATH
  python=python3
fi
exec "$python" -I "$tool/{TOOL_FILE}" {STORE} "$@"
"""


def machine_store(options: GlobalOptions) -> Path:
    """Where the store lies on this machine."""
    return Path(options.named_caches_dir, "modelkiln")


@dataclass(frozen=True)
class EngineTool:
    """The engine with its locked dependencies, ready to run: a Digest of file and shim, and its key."""

    digest: Digest
    key: str


@dataclass(frozen=True)
class MachineState:
    """What build processes need to know of this machine lies next to the store, in `store`."""

    store: Path
    path: str


def own_tool(lock: str, subsystem: ModelkilnSubsystem) -> ToolRequest:
    """The engine with the dependencies of one of this package's locks, on the Python of the options."""
    return ToolRequest(lock, tuple(subsystem.interpreter_constraints))


def checks_tool(subsystem: ModelkilnSubsystem) -> ToolRequest:
    """The engine with what checks of model artifacts need."""
    return own_tool("checks.txt", subsystem)


def registry_tool(subsystem: ModelkilnSubsystem) -> ToolRequest:
    """The engine with the client of registries."""
    return own_tool("registry.txt", subsystem)


def signing_tool(subsystem: ModelkilnSubsystem) -> ToolRequest:
    """The engine with the client of registries, and with what signs."""
    return own_tool("signing.txt", subsystem)


def upload_tool(subsystem: ModelkilnSubsystem) -> ToolRequest:
    """The engine with twine, without what that needs of a session's keyring (see twine.in)."""
    return own_tool("twine.txt", subsystem)


def locking_tool(uri: str, subsystem: ModelkilnSubsystem) -> ToolRequest:
    """The engine with what checks of model artifacts need, and the client that the source `uri` needs."""
    return _clients_tool(subsystem) if scheme_of(uri) in {*CLIENT_SCHEMES, "oci", "pypi"} else checks_tool(subsystem)


def fetching_tool(recipes: Iterable[Recipe | None], subsystem: ModelkilnSubsystem) -> ToolRequest | None:
    """The engine with the clients that it takes to fetch what layers of these recipes are made of.

    None where it takes none but those of every step.
    """
    described = [recipe for recipe in recipes if recipe]
    schemes = {scheme_of((recipe.get("source") or {}).get("uri", "")) for recipe in described}
    if schemes & CLIENT_SCHEMES:
        return _clients_tool(subsystem)
    is_registry = "oci" in schemes or any(recipe.packer == REGISTRY for recipe in described)
    return registry_tool(subsystem) if is_registry else None


def _clients_tool(subsystem: ModelkilnSubsystem) -> ToolRequest:
    own = subsystem.source_clients_lock
    return ToolRequest(own or "sources.txt", tuple(subsystem.interpreter_constraints), is_resource=not own)


def scie_tool() -> ToolRequest:
    """The engine with Pex, to embed interpreters.

    Pex reads TOML for that, and the one wheel of it that the lock has brings no parser (see tool.in):
    Python has its own from 3.11 on.
    """
    return ToolRequest("tool.txt", ("CPython>=3.11,<3.15",))


@rule(level=LogLevel.DEBUG)
async def save_machine_state(
    subsystem: ModelkilnSubsystem,
    options: GlobalOptions,
    env: CompleteEnvironmentVars,
    pex_environment: PexEnvironment,
) -> MachineState:
    """Write down, next to the store, from where steps fetch: none of it may be in their keys."""
    # Where files are fetched from must stay out of cache keys as well: see modelkiln.machine.settings.
    store = machine_store(options)
    settings = dict(env)
    if subsystem.debian_mirror:
        settings["MODELKILN_DEBIAN_MIRROR"] = subsystem.debian_mirror
    if subsystem.scie_mirror:
        settings[MIRROR_VARIABLE] = subsystem.scie_mirror
    indexes = {"indexes": subsystem.resolve_indexes, "find_links": subsystem.resolve_find_links}
    settings["MODELKILN_INDEXES"] = json.dumps(indexes, sort_keys=True)
    settings["MODELKILN_UNSANDBOXED_SDISTS"] = json.dumps(subsystem.unsandboxed_sdists, sort_keys=True)
    if subsystem.insecure_registries:
        settings[INSECURE_REGISTRIES] = " ".join(subsystem.insecure_registries)
    settings[CHECKOUT] = get_buildroot()
    save_machine_env(store, settings)
    return MachineState(store, os.pathsep.join(pex_environment.path))


@rule(desc="Build the packaging engine", level=LogLevel.DEBUG)
async def build_engine_tool(request: ToolRequest, machine: MachineState) -> EngineTool:
    """The engine with its dependencies, as a Digest that every step's sandbox links."""
    built = await install_tool(request, **implicitly())
    shim = await create_digest(CreateDigest([FileContent("modelkiln", _SHIM.encode(), is_executable=True)]))
    state = f"{built.python}\n{machine.store / built.environment}\n{machine.path}\n"
    save_machine_file(machine.store, f"tools/{built.digest.fingerprint}", state)
    return EngineTool(await merge_digests(MergeDigests((built.digest, shim))), built.digest.fingerprint)


def rules():
    return collect_rules()
