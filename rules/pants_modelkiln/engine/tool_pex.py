"""The engine's own PEX: built by the Pex of the monorepo's Pants, from a lock and nothing else.

Pants' own PEX files see pip's configuration of the machine, and search the machine for a Python. This
one does neither: what is locked decides what is in it, and Pants' own interpreter will do.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from importlib import resources
from typing import Iterable

from packaging.requirements import Requirement
from pants.backend.python.subsystems.repos import PythonRepos
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex_cli import PexCliProcess
from pants.engine.fs import AddPrefix, CreateDigest, Digest, FileContent, MergeDigests, PathGlobs
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.pip import check_reachable
from pants_modelkiln.compat.calls import (
    add_prefix,
    create_digest,
    execute_process,
    find_interpreter,
    get_digest_contents,
    implicitly,
    merge_digests,
    rule,
    setup_pex_cli_process,
)
from pants_modelkiln.engine.files import engine_files
from pants_modelkiln.engine.tool_fetching import ToolFetchingRequest, find_fetching

# Where processes find Pants' named cache `pex_root`.
PEX_ROOT = ".cache/pex_root"
_FILE = "modelkiln.pex"
# The pip that Pex brings along, up to CPython 3.11: no other has to be fetched, unpinned, before
# anything can be. It is old, and reads a lock as well as any.
_VENDORED_PIP, _VENDORED_UP_TO = "20.3.4-patched", (3, 11)
# Pex says in JSON where the environment lies, with paths of this machine. Of a process' output,
# which remote caches keep, only the part below PEX_ROOT is left.
WITHOUT_PATHS = """\
set -e
seeded=$("$0" "$@")
seeded=${seeded##*/venvs/}
printf 'venvs/%s' "${seeded%%/pex\\"*}"
"""


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
class ToolPex:
    """The engine's PEX: a Digest with the file `modelkiln.pex`.

    python: the interpreter that it was made for. venv: where its virtual environment lies below
    PEX_ROOT, on this machine.
    """

    digest: Digest
    python: str
    venv: str


async def _lock_text(request: ToolRequest) -> bytes:
    if request.is_resource:
        return resources.files("pants_modelkiln").joinpath(request.lock).read_bytes()
    contents = await get_digest_contents(**implicitly(PathGlobs([request.lock])))
    if not contents:
        raise ModelkilnError(f"[modelkiln].source_clients_lock: {request.lock} does not exist.")
    return contents[0].content


def resolver_args(repos: PythonRepos, setup: PythonSetup) -> list[str]:
    """Options of Pex for what Pants' options say of every resolve: where wheels are, and for which systems."""
    indexes = [f"--index={index}" for index in repos.indexes]
    links = [f"--find-links={link}" for link in repos.find_links]
    systems = ["--manylinux", setup.manylinux] if setup.manylinux else ["--no-manylinux"]
    return ["--no-pypi", *indexes, *links, *systems]


@rule(level=LogLevel.DEBUG)
async def build_tool_pex(request: ToolRequest, repos: PythonRepos, setup: PythonSetup) -> ToolPex:
    """Have Pex build the engine's environment from its lock, on a CPython of this machine."""
    python = own_python(request.interpreter_constraints)
    release = sys.version_info[:2] if python else None
    if python is None:
        python = (await find_interpreter(InterpreterConstraints(request.interpreter_constraints), **implicitly())).path
    lock = await _lock_text(request)
    fetching = await find_fetching(ToolFetchingRequest(tuple(repos.indexes)), **implicitly())
    files = await create_digest(CreateDigest([FileContent("lock.txt", fetching.lines.encode() + lock)]))
    sources = await add_prefix(AddPrefix(await create_digest(CreateDigest(engine_files())), "sources"))
    argv = [
        "--output-file", _FILE, "--no-emit-warnings", "--no-compress", "--python", python,
        # One file: what a remote cache keeps of a folder with empty files in it differs from
        # server to server, and some never find it again.
        "--layout", "zipapp", "--sources-directory", "sources", "--entry-point", "modelkiln.cli.main:main",
        "--requirement", "lock.txt", "--no-transitive", *resolver_args(repos, setup), *fetching.args,
        "--resolver-version", "pip-2020-resolver",
        # The environment is made right here, and is not linked to Pex' cache: byte code that a run
        # leaves would be packed into PEX files with the same wheels.
        "--pex-root", PEX_ROOT, "--venv", "--venv-site-packages-copies", "--seed", "verbose",
    ]  # fmt: skip
    if not request.is_closed:
        argv.append("--ignore-errors")
    if release and release <= _VENDORED_UP_TO:
        argv += ["--pip-version", _VENDORED_PIP]
    process = await setup_pex_cli_process(
        PexCliProcess(
            subcommand=(),
            extra_args=argv,
            # pip reads its system-wide configuration even where Pex isolates it, save for this value.
            extra_env={**fetching.env, "PIP_CONFIG_FILE": os.devnull},
            additional_input_digest=await merge_digests(MergeDigests((sources, files))),
            description=f"Building {_FILE} from {request.lock}, {_count(lock)} packages",
            output_files=(_FILE,),
        ),
        **implicitly(),
    )
    result = await execute_process(
        replace(process, argv=("/bin/sh", "-c", WITHOUT_PATHS, *process.argv)), **implicitly()
    )
    if result.exit_code != 0:
        raise ModelkilnError(failure(request.lock, result.stderr.decode("utf-8", "replace")))
    return ToolPex(result.output_digest, python, result.stdout.decode())


def _count(lock: bytes) -> int:
    return sum(b"==" in line for line in lock.splitlines() if not line.startswith((b" ", b"#")))


def failure(lock: str, messages: str) -> str:
    """What people are to know of what Pex said when it did not build the tool."""
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    # pip says the same of each try, and then that there is no such version.
    tries = [line for line in lines if "Retrying (Retry" in line]
    what = f"The packaging engine's own dependencies ({lock}) cannot be fetched"
    try:
        check_reachable("\n".join(tries[-1:]))
        check_reachable(messages)
    except ModelkilnError as error:
        return f"{what}. {error}"
    if "AF_UNIX path too long" in messages:
        return (
            f"{what} or put together: the path of the folder in which Pants runs processes is too long for a socket. "
            "Set [GLOBAL].local_execution_root_dir in pants.toml to a shorter one."
        )
    errors = [line.partition("ERROR: ")[2] for line in lines if "ERROR: " in line]
    return f"{what} or put together. Pex says: {' '.join(errors or lines[-10:])}"


def own_python(constraints: Iterable[str]) -> str | None:
    """The path of the CPython that Pants runs under, where it is among `constraints`; else None.

    Looking for others starts each Python of the machine once, which takes from one second to many.
    """
    if sys.implementation.name != "cpython":
        return None
    version = ".".join(map(str, sys.version_info[:3]))
    wanted = [Requirement(constraint) for constraint in constraints]
    if not any(one.name == "CPython" and one.specifier.contains(version) for one in wanted):
        return None
    # Pants runs in a virtual environment, whose interpreter is a link or says what it was made with.
    path = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    return path if os.access(path, os.X_OK) else None


def rules():
    return collect_rules()
