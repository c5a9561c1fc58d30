"""The engine as a tool: how a build step becomes a process."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from pants.backend.python.target_types import EntryPoint
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import PexLayout, PexRequest
from pants.backend.python.util_rules.pex_environment import PexEnvironment
from pants.backend.python.util_rules.pex_requirements import EntireLockfile, Lockfile
from pants.base.build_environment import get_buildroot
from pants.engine.env_vars import CompleteEnvironmentVars
from pants.engine.fs import CreateDigest, Digest, DigestSubset, FileContent, MergeDigests, PathGlobs
from pants.engine.rules import collect_rules
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

import modelkiln
from modelkiln.formats.portable_python import MIRROR_VARIABLE
from modelkiln.machine.settings import INSECURE_REGISTRIES, save_machine_env, save_machine_file
from modelkiln.sources.clients import CLIENT_SCHEMES
from modelkiln.sources.git_lfs import CHECKOUT
from modelkiln.sources.source import scheme_of
from pants_modelkiln.compat.calls import (
    create_digest,
    create_venv_pex,
    digest_subset_to_digest,
    find_interpreter,
    implicitly,
    merge_digests,
    rule,
)
from pants_modelkiln.subsystem import ModelkilnSubsystem

STORE = ".cache/modelkiln"
PEX_ROOT = ".cache/pex_root"
TOOL = "__modelkiln"

# Which interpreter runs the engine, and where its virtual environment and the machine's programs
# are, is this machine's business: a layer's process must have the same key on every machine, so
# that a remote cache serves all of them. The shim therefore reads it from beside the store, in a
# file that no key holds. Where there is none, as on a worker of remote execution, any Python on
# PATH runs the tool, which is a PEX and declared as an input.
_SHIM = f"""#!/bin/sh
set -eu
tool=${{0%/*}} state={STORE}/tools/$1
shift
export PEX_ROOT="$PWD/{PEX_ROOT}" PEX_IGNORE_RCFILES=1 LC_ALL=C.UTF-8
if [ -r "$state" ]; then
  {{ IFS= read -r python; IFS= read -r venv; IFS= read -r PATH; }} <"$state"
  export PATH
  if [ -x "$PEX_ROOT/$venv/pex" ]; then exec "$PEX_ROOT/$venv/pex" "$@"; fi
else
  PATH=${{PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}}
  export PATH
  python=python3
fi
exec "$python" "$tool/modelkiln.pex" "$@"
"""


def machine_store(options: GlobalOptions) -> Path:
    """Where the store lies on this machine."""
    return Path(options.named_caches_dir, "modelkiln")


def engine_files(*folders: str) -> list[FileContent]:
    """The engine's Python files as they are installed, at `modelkiln/...`.

    With folders, only the package's own `__init__.py` and those sub-packages.
    """
    files = []
    for root in modelkiln.__path__:
        for path in sorted(Path(root).rglob("*.py")):
            relative = path.relative_to(root)
            if (
                not folders
                or len(relative.parts) == 1
                and relative.name == "__init__.py"
                or (relative.parts[0] in folders)
            ):
                files.append(FileContent(f"modelkiln/{relative.as_posix()}", path.read_bytes()))
    return files


@dataclass(frozen=True)
class ToolRequest:
    """The engine with the dependencies of one lock.

    lock: a resource of this package such as "tool.txt", or else a file of the repository. is_closed:
    whether the lock has all that its packages require.
    """

    lock: str
    interpreter_constraints: tuple[str, ...]
    is_resource: bool = True
    is_closed: bool = True


@dataclass(frozen=True)
class EngineTool:
    """The engine with its locked dependencies, ready to run: a Digest of PEX and shim, and its key."""

    digest: Digest
    key: str


@dataclass(frozen=True)
class MachineState:
    """What build processes need to know of this machine lies beside the store, in `store`."""

    store: Path
    path: str


def own_tool(lock: str, subsystem: ModelkilnSubsystem) -> ToolRequest:
    """The engine with the dependencies of one of this package's locks, on the Python of the options."""
    return ToolRequest(lock, tuple(subsystem.interpreter_constraints))


def checks_tool(subsystem: ModelkilnSubsystem) -> ToolRequest:
    """The engine with what checks of model artifacts need."""
    return replace(own_tool("checks.txt", subsystem), is_closed=False)


def client_tool(uri: str, subsystem: ModelkilnSubsystem) -> ToolRequest | None:
    """The engine with the clients that the source `uri` needs; None where it needs none."""
    if scheme_of(uri) not in CLIENT_SCHEMES:
        return None
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
    # Where files are fetched from must stay out of cache keys as well: see modelkiln.machine.settings.
    store = machine_store(options)
    settings = dict(env)
    if subsystem.debian_mirror:
        settings["MODELKILN_DEBIAN_MIRROR"] = subsystem.debian_mirror
    if subsystem.scie_mirror:
        settings[MIRROR_VARIABLE] = subsystem.scie_mirror
    indexes = {"indexes": subsystem.resolve_indexes, "find_links": subsystem.resolve_find_links}
    settings["MODELKILN_INDEXES"] = json.dumps(indexes, sort_keys=True)
    if subsystem.insecure_registries:
        settings[INSECURE_REGISTRIES] = " ".join(subsystem.insecure_registries)
    settings[CHECKOUT] = get_buildroot()
    save_machine_env(store, settings)
    return MachineState(store, os.pathsep.join(pex_environment.path))


@rule(desc="Build the packaging engine", level=LogLevel.DEBUG)
async def build_engine_tool(request: ToolRequest, machine: MachineState) -> EngineTool:
    sources = await create_digest(CreateDigest(engine_files()))
    lock = Lockfile(
        url=f"resource://pants_modelkiln/{request.lock}" if request.is_resource else request.lock,
        url_description_of_origin="the packaging engine's own lock",
        resolve_name=f"modelkiln-{request.lock}",
    )
    constraints = InterpreterConstraints(request.interpreter_constraints)
    venv = await create_venv_pex(
        **implicitly(
            PexRequest(
                output_filename="modelkiln.pex",
                internal_only=True,
                # One file: what a remote cache keeps of a folder with empty files in it differs from
                # server to server, and some never find it again.
                layout=PexLayout.ZIPAPP,
                additional_args=("--no-compress", *(() if request.is_closed else ("--ignore-errors",))),
                requirements=EntireLockfile(lock),
                interpreter_constraints=constraints,
                main=EntryPoint.parse("modelkiln.cli.main:main"),
                sources=sources,
            )
        )
    )
    pex = await digest_subset_to_digest(DigestSubset(venv.digest, PathGlobs(["modelkiln.pex"])))
    shim = await create_digest(CreateDigest([FileContent("modelkiln", _SHIM.encode(), is_executable=True)]))
    python = await find_interpreter(constraints, **implicitly())
    state = f"{python.path}\n{venv.venv_rel_dir}\n{machine.path}\n"
    save_machine_file(machine.store, f"tools/{pex.fingerprint}", state)
    return EngineTool(await merge_digests(MergeDigests((pex, shim))), pex.fingerprint)


def rules():
    return collect_rules()
