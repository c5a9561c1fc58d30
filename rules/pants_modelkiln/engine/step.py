"""One step of a build: a process of the engine's tool."""

from __future__ import annotations

from dataclasses import dataclass, field

from pants.engine.fs import EMPTY_DIGEST, Digest
from pants.engine.process import FallibleProcessResult, Process, ProcessCacheScope
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from pants_modelkiln.compat.calls import execute_process, implicitly, rule
from pants_modelkiln.engine.tool import TOOL, build_engine_tool, own_tool
from pants_modelkiln.engine.tool_install import STORE, ToolRequest
from pants_modelkiln.subsystem import ModelkilnSubsystem

# A remote cache may take this long to answer before a step is started here as well: most answers
# take some tens of milliseconds, and starting every step of a clean checkout only to cancel it
# would keep the machine busy.
_REMOTE_CACHE_MILLIS = 1000


@dataclass(frozen=True)
class Step:
    """One step of a build: `modelkiln build <argv>`, with the store at STORE.

    tool: the engine with which dependencies; by default those of packaging. level: INFO for one that
    may take long, and is reported when it starts and ends.
    """

    argv: tuple[str, ...]
    description: str
    input_digest: Digest = EMPTY_DIGEST
    output_files: tuple[str, ...] = ()
    output_directories: tuple[str, ...] = ()
    cache_scope: ProcessCacheScope = ProcessCacheScope.SUCCESSFUL
    timeout_seconds: int | None = None
    tool: ToolRequest | None = None
    level: LogLevel = LogLevel.DEBUG


@dataclass(frozen=True)
class FallibleStep:
    """How a build step ended, whatever its exit code."""

    result: FallibleProcessResult


@dataclass(frozen=True)
class StepProcess:
    """The process of a build step, also for goals that run one in the foreground."""

    process: Process


@rule(level=LogLevel.DEBUG)
async def prepare_step(step: Step, subsystem: ModelkilnSubsystem) -> StepProcess:
    """The step's process, whose key has nothing of this machine in it."""
    tool = await build_engine_tool(step.tool or own_tool("tool.txt", subsystem), **implicitly())
    return StepProcess(
        Process(
            argv=(f"{TOOL}/modelkiln", tool.key, "build", *step.argv),
            description=step.description,
            input_digest=step.input_digest,
            # Pants lays these out once for all processes, and not in every sandbox.
            immutable_input_digests={TOOL: tool.digest},
            output_files=step.output_files,
            output_directories=step.output_directories,
            append_only_caches={"modelkiln": STORE},
            cache_scope=step.cache_scope,
            timeout_seconds=step.timeout_seconds,
            remote_cache_speculation_delay_millis=_REMOTE_CACHE_MILLIS,
            level=step.level,
        )
    )


@rule(level=LogLevel.DEBUG)
async def try_step(step: Step) -> FallibleStep:
    """Run the step; how it ended is for the caller to judge."""
    return FallibleStep(await execute_process((await prepare_step(step, **implicitly())).process, **implicitly()))


@dataclass(frozen=True)
class StepResult:
    """What a build step left: its output files and standard output. has_run: it was not in a cache."""

    digest: Digest
    stdout: bytes
    has_run: bool = field(default=True, compare=False)


@rule(level=LogLevel.DEBUG)
async def run_step(step: Step) -> StepResult:
    """Run the step; raises ModelkilnError with its own message when it fails."""
    # A step that fails has reported why in one message for people. Pants' own report of a failed
    # process would bury it under the command line and the sandbox's path.
    result = (await try_step(step, **implicitly())).result
    if result.exit_code != 0:
        message = result.stderr.decode(errors="replace").strip()
        raise ModelkilnError(message or f"{step.description}: failed without a message.")
    source = result.metadata.source(result.metadata.source_run_id)
    return StepResult(result.output_digest, result.stdout, source.value.startswith("ran"))


def rules():
    return collect_rules()
