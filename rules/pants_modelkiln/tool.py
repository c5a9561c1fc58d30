"""The engine as a tool: how a build step becomes a process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pants.backend.python.target_types import EntryPoint
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import PexRequest, VenvPex, VenvPexProcess
from pants.backend.python.util_rules.pex_requirements import EntireLockfile, Lockfile
from pants.engine.env_vars import CompleteEnvironmentVars
from pants.engine.fs import EMPTY_DIGEST, Digest, FileContent
from pants.engine.process import FallibleProcessResult, Process, ProcessCacheScope
from pants.engine.rules import Get, collect_rules, rule
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

import modelkiln
from modelkiln.errors import ModelkilnError
from modelkiln.machine import INSECURE_REGISTRIES, save_machine_env
from pants_modelkiln.api import build_venv_pex, create_digest, try_process, venv_pex_process
from pants_modelkiln.subsystem import ModelkilnSubsystem

STORE = ".cache/modelkiln"
_CACHES = {"modelkiln": STORE}


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
class EngineTool:
    """The engine with its locked dependencies, ready to run."""

    venv: VenvPex


@rule(desc="Build the packaging engine", level=LogLevel.DEBUG)
async def build_engine_tool(
    subsystem: ModelkilnSubsystem, options: GlobalOptions, env: CompleteEnvironmentVars
) -> EngineTool:
    # Where files are fetched from is this machine's business and must stay out of cache keys, so
    # it does not travel in the process's environment: see modelkiln.machine.
    settings = dict(env)
    if subsystem.debian_mirror:
        settings["MODELKILN_DEBIAN_MIRROR"] = subsystem.debian_mirror
    indexes = {"indexes": subsystem.resolve_indexes, "find_links": subsystem.resolve_find_links}
    settings["MODELKILN_INDEXES"] = json.dumps(indexes, sort_keys=True)
    if subsystem.insecure_registries:
        settings[INSECURE_REGISTRIES] = " ".join(subsystem.insecure_registries)
    save_machine_env(Path(options.named_caches_dir, "modelkiln"), settings)
    sources = await create_digest(engine_files())
    lock = Lockfile(
        url="resource://pants_modelkiln/tool.txt",
        url_description_of_origin="the packaging engine's own lock",
        resolve_name="modelkiln",
    )
    venv = await build_venv_pex(
        PexRequest(
            output_filename="modelkiln.pex",
            internal_only=True,
            requirements=EntireLockfile(lock),
            interpreter_constraints=InterpreterConstraints(subsystem.interpreter_constraints),
            main=EntryPoint.parse("modelkiln.cli.main:main"),
            sources=sources,
        )
    )
    return EngineTool(venv)


@dataclass(frozen=True)
class Step:
    """One step of a build: `modelkiln build <argv>`, with the store at STORE.

    tool: what runs it; the default is EngineTool.
    """

    argv: tuple[str, ...]
    description: str
    input_digest: Digest = EMPTY_DIGEST
    output_files: tuple[str, ...] = ()
    output_directories: tuple[str, ...] = ()
    cache_scope: ProcessCacheScope = ProcessCacheScope.SUCCESSFUL
    timeout_seconds: int | None = None
    tool: VenvPex | None = None


@dataclass(frozen=True)
class FallibleStep:
    """How a build step ended, whatever its exit code."""

    result: FallibleProcessResult


def attempt_step(step: Step) -> Get:
    """FallibleStep of a step."""
    return Get(FallibleStep, Step, step)


def perform_step(step: Step) -> Get:
    """StepResult of a step; its failure is an error of the build."""
    return Get(StepResult, Step, step)


@dataclass(frozen=True)
class StepProcess:
    """The process of a build step, also for goals that run one in the foreground."""

    process: Process


def step_process(step: Step) -> Get:
    """StepProcess of a step."""
    return Get(StepProcess, Step, step)


@rule(level=LogLevel.DEBUG)
async def prepare_step(step: Step, tool: EngineTool) -> StepProcess:
    process = await venv_pex_process(
        VenvPexProcess(
            step.tool or tool.venv,
            argv=("build", *step.argv),
            description=step.description,
            input_digest=step.input_digest,
            output_files=step.output_files,
            output_directories=step.output_directories,
            append_only_caches=_CACHES,
            cache_scope=step.cache_scope,
            timeout_seconds=step.timeout_seconds,
        )
    )
    return StepProcess(process)


@rule(level=LogLevel.DEBUG)
async def try_step(step: Step) -> FallibleStep:
    return FallibleStep(await try_process((await step_process(step)).process))


@dataclass(frozen=True)
class StepResult:
    """What a build step left: its output files and standard output."""

    digest: Digest
    stdout: bytes


@rule(level=LogLevel.DEBUG)
async def run_step(step: Step) -> StepResult:
    # A step that fails has told why in one message for people. Pants' own report of a failed
    # process would bury it under the command line and the sandbox's path.
    result = (await attempt_step(step)).result
    if result.exit_code != 0:
        message = result.stderr.decode(errors="replace").strip()
        raise ModelkilnError(message or f"{step.description}: failed without a message.")
    return StepResult(result.output_digest, result.stdout)


def rules():
    return collect_rules()
