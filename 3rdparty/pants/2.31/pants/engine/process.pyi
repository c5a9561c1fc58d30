# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.engine.fs import Digest as Digest
from pants.engine.fs import EMPTY_DIGEST as EMPTY_DIGEST
from enum import Enum as Enum
from pants.engine.fs import FileDigest as FileDigest
from pants.util.frozendict import FrozenDict as FrozenDict
from collections.abc import Iterable as Iterable
from pants.option.global_options import KeepSandboxes as KeepSandboxes
from typing import Literal as Literal
from pants.util.logging import LogLevel as LogLevel
from collections.abc import Mapping as Mapping
from pants.engine.platform import Platform as Platform
from pants.engine.internals.native_engine import ProcessExecutionEnvironment as ProcessExecutionEnvironment
from pants.engine.internals.session import RunId as RunId
from pants.engine.engine_aware import SideEffecting as SideEffecting
from dataclasses import dataclass as dataclass
class ProcessCacheScope(Enum):
    ALWAYS = ...
    SUCCESSFUL = ...
    LOCAL_ALWAYS = ...
    LOCAL_SUCCESSFUL = ...
    PER_RESTART_ALWAYS = ...
    PER_RESTART_SUCCESSFUL = ...
    PER_SESSION = ...
@dataclass(frozen=True)
class ProcessConcurrency:
    kind: Literal['exactly', 'range', 'exclusive']
    min: int | None = ...
    max: int | None = ...

    def __post_init__(self):
        ...
@dataclass(frozen=True)
class Process:
    argv: tuple[str, ...]
    description: str = ...
    level: LogLevel
    input_digest: Digest
    immutable_input_digests: FrozenDict[str, Digest]
    use_nailgun: tuple[str, ...]
    working_directory: str | None
    env: FrozenDict[str, str]
    append_only_caches: FrozenDict[str, str]
    output_files: tuple[str, ...]
    output_directories: tuple[str, ...]
    timeout_seconds: int | float
    jdk_home: str | None
    execution_slot_variable: str | None
    concurrency_available: int
    concurrency: ProcessConcurrency | None
    cache_scope: ProcessCacheScope
    remote_cache_speculation_delay_millis: int
    attempt: int

    def __init__(self, argv: Iterable[str], *, description: str, level: LogLevel=..., input_digest: Digest=..., immutable_input_digests: Mapping[str, Digest] | None=..., use_nailgun: Iterable[str]=..., working_directory: str | None=..., env: Mapping[str, str] | None=..., append_only_caches: Mapping[str, str] | None=..., output_files: Iterable[str] | None=..., output_directories: Iterable[str] | None=..., timeout_seconds: int | float | None=..., jdk_home: str | None=..., execution_slot_variable: str | None=..., concurrency_available: int=..., concurrency: ProcessConcurrency | None=..., cache_scope: ProcessCacheScope=..., remote_cache_speculation_delay_millis: int=..., attempt: int=...) -> None:
        ...

    def __post_init__(self) -> None:
        ...
@dataclass(frozen=True)
class ProcessResult:
    stdout: bytes
    stdout_digest: FileDigest
    stderr: bytes
    stderr_digest: FileDigest
    output_digest: Digest
    metadata: ProcessResultMetadata = ...

    @property
    def platform(self) -> Platform:
        ...
@dataclass(frozen=True)
class FallibleProcessResult:
    stdout: bytes
    stdout_digest: FileDigest
    stderr: bytes
    stderr_digest: FileDigest
    exit_code: int
    output_digest: Digest
    metadata: ProcessResultMetadata = ...

    @property
    def platform(self) -> Platform:
        ...
@dataclass(frozen=True)
class ProcessResultMetadata:

    class Source(Enum):
        RAN = ...
        HIT_LOCALLY = ...
        HIT_REMOTELY = ...
        MEMOIZED = ...
    total_elapsed_ms: int | None
    execution_environment: ProcessExecutionEnvironment
    _source: str
    source_run_id: int

    @property
    def platform(self) -> Platform:
        ...

    def source(self, current_run_id: RunId) -> Source:
        ...
class ProcessExecutionFailure(Exception):

    def __init__(self, exit_code: int, stdout: bytes, stderr: bytes, process_description: str, *, keep_sandboxes: KeepSandboxes) -> None:
        ...
@dataclass(frozen=True)
class InteractiveProcessResult:
    exit_code: int
@dataclass(frozen=True)
class InteractiveProcess(SideEffecting):
    process: Process
    run_in_workspace: bool
    forward_signals_to_process: bool
    restartable: bool
    keep_sandboxes: KeepSandboxes

    def __init__(self, argv: Iterable[str], *, env: Mapping[str, str] | None=..., description: str=..., input_digest: Digest=..., run_in_workspace: bool=..., forward_signals_to_process: bool=..., restartable: bool=..., append_only_caches: Mapping[str, str] | None=..., immutable_input_digests: Mapping[str, Digest] | None=..., keep_sandboxes: KeepSandboxes=..., working_directory: str | None=...) -> None:
        ...

    @classmethod
    def from_process(cls, process: Process, *, forward_signals_to_process: bool=..., restartable: bool=..., keep_sandboxes: KeepSandboxes=...) -> InteractiveProcess:
        ...
