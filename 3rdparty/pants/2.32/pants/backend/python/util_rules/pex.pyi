# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.core.util_rules.system_binaries import BashBinary as BashBinary
from pants.backend.python.util_rules.pex_environment import CompletePexEnvironment as CompletePexEnvironment
from pants.engine.collection import DeduplicatedCollection as DeduplicatedCollection
from pants.engine.fs import Digest as Digest
from pants.engine.fs import EMPTY_DIGEST as EMPTY_DIGEST
from pants.engine.engine_aware import EngineAwareParameter as EngineAwareParameter
from pants.backend.python.util_rules.pex_requirements import EntireLockfile as EntireLockfile
from pants.core.environments.target_types import EnvironmentTarget as EnvironmentTarget
from pants.util.frozendict import FrozenDict as FrozenDict
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints as InterpreterConstraints
from collections.abc import Iterable as Iterable
from pants.util.logging import LogLevel as LogLevel
from pants.backend.python.target_types import MainSpecification as MainSpecification
from collections.abc import Mapping as Mapping
from pants.backend.python.util_rules.pex_environment import PexEnvironment as PexEnvironment
from pants.backend.python.target_types import PexLayout as PexLayout
from pants.backend.python.util_rules.pex_requirements import PexRequirements as PexRequirements
from pants.backend.python.util_rules.pex_environment import PexSubsystem as PexSubsystem
from pants.engine.process import ProcessCacheScope as ProcessCacheScope
from pathlib import PurePath as PurePath
from pants.backend.python.util_rules.pex_environment import PythonExecutable as PythonExecutable
from pants.engine.unions import UnionMembership as UnionMembership
from dataclasses import dataclass as dataclass
from pants.engine.rules import rule as rule
class PexPlatforms(DeduplicatedCollection[str]):
    sort_input: ClassVar[bool]
class CompletePlatforms(DeduplicatedCollection[str]):
    sort_input: ClassVar[bool]

    def __init__(self, iterable: Iterable[str]=..., *, digest: Digest=...):
        ...

    @property
    def digest(self) -> Digest:
        ...
@dataclass(frozen=True)
class PexRequest(EngineAwareParameter):
    output_filename: str
    internal_only: bool
    layout: PexLayout
    python: PythonExecutable | None
    requirements: PexRequirements | EntireLockfile
    interpreter_constraints: InterpreterConstraints
    platforms: PexPlatforms
    complete_platforms: CompletePlatforms
    sources: Digest | None
    additional_inputs: Digest
    main: MainSpecification | None
    inject_args: tuple[str, ...]
    inject_env: FrozenDict[str, str]
    additional_args: tuple[str, ...]
    pex_path: tuple[Pex, ...]
    description: str | None = ...
    cache_scope: ProcessCacheScope

    def __init__(self, *, output_filename: str, internal_only: bool, layout: PexLayout | None=..., python: PythonExecutable | None=..., requirements: PexRequirements | EntireLockfile=..., interpreter_constraints=..., platforms=..., complete_platforms=..., sources: Digest | None=..., additional_inputs: Digest | None=..., main: MainSpecification | None=..., inject_args: Iterable[str]=..., inject_env: Mapping[str, str]=..., additional_args: Iterable[str]=..., pex_path: Iterable[Pex]=..., description: str | None=..., cache_scope: ProcessCacheScope=...) -> None:
        ...

    def __post_init__(self):
        ...
@dataclass(frozen=True)
class Pex:
    digest: Digest
    name: str
    python: PythonExecutable | None
@rule(desc='Find Python interpreter for constraints', level=LogLevel.DEBUG)
async def find_interpreter(interpreter_constraints: InterpreterConstraints, pex_subsystem: PexSubsystem, env_target: EnvironmentTarget, union_membership: UnionMembership) -> PythonExecutable:
    ...
@dataclass(frozen=True)
class Script:
    path: PurePath
@dataclass(frozen=True)
class VenvPex:
    digest: Digest
    append_only_caches: FrozenDict[str, str] | None
    pex_filename: str
    pex: Script
    python: Script
    bin: FrozenDict[str, Script]
    venv_rel_dir: str
@dataclass(frozen=True)
class VenvPexRequest:
    pex_request: PexRequest
    complete_pex_env: CompletePexEnvironment
    bin_names: tuple[str, ...] = ...
    site_packages_copies: bool = ...

    def __init__(self, pex_request: PexRequest, complete_pex_env: CompletePexEnvironment, bin_names: Iterable[str]=..., site_packages_copies: bool=...) -> None:
        ...
@rule
async def create_venv_pex(request: VenvPexRequest, bash: BashBinary, pex_environment: PexEnvironment) -> VenvPex:
    ...
@dataclass(unsafe_hash=True)
class VenvPexProcess:
    venv_pex: VenvPex
    argv: tuple[str, ...]
    description: str = ...
    level: LogLevel
    input_digest: Digest | None
    working_directory: str | None
    extra_env: FrozenDict[str, str]
    output_files: tuple[str, ...] | None
    output_directories: tuple[str, ...] | None
    timeout_seconds: int | None
    execution_slot_variable: str | None
    concurrency_available: int
    cache_scope: ProcessCacheScope
    append_only_caches: FrozenDict[str, str]

    def __init__(self, venv_pex: VenvPex, *, description: str, argv: Iterable[str]=..., level: LogLevel=..., input_digest: Digest | None=..., working_directory: str | None=..., extra_env: Mapping[str, str] | None=..., output_files: Iterable[str] | None=..., output_directories: Iterable[str] | None=..., timeout_seconds: int | None=..., execution_slot_variable: str | None=..., concurrency_available: int=..., cache_scope: ProcessCacheScope=..., append_only_caches: Mapping[str, str] | None=...) -> None:
        ...
