"""The engine's tool, installed by pip from a lock and nothing else.

Pants' own tools see pip's configuration of the machine, and search the machine for a Python. This one does neither:
what is locked decides what is in it, and Pants' own interpreter will do.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, replace
from importlib import resources
from typing import Iterable

from packaging.requirements import Requirement
from pants.backend.python.subsystems.repos import PythonRepos
from pants.backend.python.util_rules.pex_cli import PexCliProcess
from pants.engine.fs import AddPrefix, CreateDigest, Digest, FileContent, MergeDigests, PathGlobs
from pants.engine.process import Process
from pants.engine.rules import collect_rules
from pants.option.global_options import GlobalOptions
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.pip import check_reachable
from pants_modelkiln.compat.calls import (
    add_prefix,
    create_digest,
    execute_process,
    get_digest_contents,
    implicitly,
    merge_digests,
    rule,
    setup_pex_cli_process,
)
from pants_modelkiln.engine.files import engine_files
from pants_modelkiln.engine.machine_python import MachinePythonRequest, find_python
from pants_modelkiln.engine.programs import tool_environment
from pants_modelkiln.engine.tool_fetching import ToolFetchingRequest, find_fetching

# Where processes find the store: Pants' named cache `modelkiln`.
STORE = ".cache/modelkiln"
# What the tool is: a zip application, which unpacks itself where its environment is missing. One file, for what a
# remote cache keeps of a folder with empty files in it differs from server to server, and some never find it again.
TOOL_FILE = "modelkiln.pyz"
_PROGRAM, _AUTHORITIES = "tool_environment.py", "authorities.pem"
# The program's exit code where the interpreter has no pip.
_NO_PIP = 3
# How a traceback ends.
_RAISED = re.compile(r"[\w.]+(Error|Exception|Interrupt)\b")
# What the program hands on of pip's log: where pip looked.
_PLACES = "Looking in "
# Where the Pex tool of Pants is, whose pip is taken then.
_PEX = "pex-tool"


@dataclass(frozen=True)
class ToolRequest:
    """The engine with the dependencies of one lock.

    lock: a resource of this package such as "tool.txt", or else a file of the repository.
    """

    lock: str
    interpreter_constraints: tuple[str, ...]
    is_resource: bool = True


@dataclass(frozen=True)
class InstalledTool:
    """The engine's tool: a Digest with the file TOOL_FILE.

    python: the interpreter that it was made for, and environment: where it is installed, relative to the store; both
    on this machine.
    """

    digest: Digest
    python: str
    environment: str


async def _lock_text(request: ToolRequest) -> bytes:
    if request.is_resource:
        return resources.files("pants_modelkiln").joinpath(request.lock).read_bytes()
    contents = await get_digest_contents(**implicitly(PathGlobs([request.lock])))
    if not contents:
        raise ModelkilnError(f"[modelkiln].source_clients_lock: {request.lock} does not exist.")
    return contents[0].content


@rule(level=LogLevel.DEBUG)
async def install_tool(request: ToolRequest, repos: PythonRepos, options: GlobalOptions) -> InstalledTool:
    """Have pip install the engine's environment by its lock, for a CPython of this machine."""
    python = own_python(request.interpreter_constraints)
    if python is None:
        wanted = MachinePythonRequest(request.interpreter_constraints, f"The packaging engine ({request.lock})")
        python = os.path.realpath((await find_python(wanted, **implicitly())).path)
    lock = await _lock_text(request)
    fetching = await find_fetching(
        ToolFetchingRequest(tuple(repos.indexes), tuple(repos.find_links), options.ca_certs_path), **implicitly()
    )
    sources = engine_files()
    program = resources.files(tool_environment.__package__ or "").joinpath(_PROGRAM).read_bytes()
    files = [FileContent("lock.txt", lock), FileContent(_PROGRAM, program)]
    files += [FileContent(_AUTHORITIES, fetching.authorities)] if fetching.authorities else []
    digest = await create_digest(CreateDigest(files))
    engine = await add_prefix(AddPrefix(await create_digest(CreateDigest(sources)), "sources"))
    settings = {"PIP_CERT": _AUTHORITIES} if fetching.authorities else {}
    process = Process(
        argv=(python, "-I", _PROGRAM, "lock.txt", "sources", STORE, TOOL_FILE),
        # pip reads its system-wide configuration even where it is isolated, save for this value.
        env={**fetching.env, **settings, "LC_ALL": "C.UTF-8", "PIP_CONFIG_FILE": os.devnull},
        description=f"Installing the packaging engine from {request.lock}, {_count(lock)} packages",
        input_digest=await merge_digests(MergeDigests((digest, engine))),
        output_files=(TOOL_FILE,),
        append_only_caches={"modelkiln": STORE},
        level=LogLevel.INFO,
    )
    result = await execute_process(process, **implicitly())
    if result.exit_code == _NO_PIP:
        pex = await setup_pex_cli_process(
            PexCliProcess(subcommand=(), extra_args=(), description="Finding the pip of Pex"), **implicitly()
        )
        folder = await add_prefix(AddPrefix(pex.input_digest, _PEX))
        merged = await merge_digests(MergeDigests((process.input_digest, folder)))
        env = {**process.env, tool_environment.PEX: f"{_PEX}/{pex.argv[1]}"}
        result = await execute_process(replace(process, input_digest=merged, env=FrozenDict(env)), **implicitly())
    if result.exit_code != 0:
        raise ModelkilnError(failure(request.lock, python, result.exit_code, result.stderr.decode("utf-8", "replace")))
    key = tool_environment.content_key(lock, [(file.path, file.content) for file in sources])
    return InstalledTool(result.output_digest, python, tool_environment.environment_name(key, python))


def _count(lock: bytes) -> int:
    return sum(b"==" in line for line in lock.splitlines() if not line.startswith((b" ", b"#")))


def failure(lock: str, python: str, code: int, messages: str) -> str:
    """What people are to know of what pip wrote when it did not install the tool."""
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    # pip says the same of each try, and then that there is no such version.
    tries = [line for line in lines if "Retrying (Retry" in line]
    what = f"The packaging engine's own dependencies ({lock}) cannot be installed"
    if code == _NO_PIP:
        return (
            f"{what}: {python} has no pip, nor one for new environments ({' '.join(lines[-1:])}). Install it for that "
            "Python, on Debian as python3-pip or python3-venv."
        )
    try:
        check_reachable("\n".join(tries[-1:]))
        check_reachable(messages)
    except ModelkilnError as error:
        return f"{what}. {error}"
    errors = [line.partition("ERROR: ")[2] for line in lines if "ERROR: " in line]
    speaker, is_own = "pip says", not errors and any(line.startswith("Traceback ") for line in lines)
    if is_own:  # Of what runs pip and writes beside it.
        speaker = "Installing them ended with"
    if "Exception:" in errors or is_own:  # A traceback of pip's own follows, as where the disk is full.
        errors = [line for line in lines if _RAISED.match(line)][-1:]
    places = [line for line in lines if line.startswith(_PLACES)]
    errors = errors or [line for line in lines if line not in places][-10:]
    return " ".join((f"{what}. {speaker}: {' '.join(errors)}", *places[:1]))


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
