# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.core.util_rules.system_binaries import BinaryPath as BinaryPath
from pants.engine.engine_aware import EngineAwareReturnType as EngineAwareReturnType
from pants.util.frozendict import FrozenDict as FrozenDict
from collections.abc import Mapping as Mapping
from pathlib import PurePath as PurePath
from pants.core.util_rules.adhoc_binaries import PythonBuildStandaloneBinary as PythonBuildStandaloneBinary
from pants.option.subsystem import Subsystem as Subsystem
from dataclasses import dataclass as dataclass
from pants.util.memo import memoized_property as memoized_property
class PexSubsystem(Subsystem):
    options_scope: ClassVar[str]
    help: ClassVar[str]

    class EnvironmentAware(Subsystem.EnvironmentAware):
        env_vars_used_by_options: ClassVar[Any]
        _executable_search_paths: ClassVar[Any]

        @memoized_property
        def path(self) -> tuple[str, ...]:
            ...
    _verbosity: ClassVar[Any]
    venv_use_symlinks: ClassVar[Any]
    emit_warnings: ClassVar[Any]
@dataclass(frozen=True)
class PythonExecutable(BinaryPath, EngineAwareReturnType):
    append_only_caches: FrozenDict[str, str] = ...

    def __init__(self, path: str, fingerprint: str | None=..., append_only_caches: Mapping[str, str]=...) -> None:
        ...

    def __post_init__(self) -> None:
        ...
@dataclass(frozen=True)
class PexEnvironment:
    path: tuple[str, ...]
    interpreter_search_paths: tuple[str, ...]
    subprocess_environment_dict: FrozenDict[str, str]
    named_caches_dir: PurePath
    bootstrap_python: PythonBuildStandaloneBinary
    venv_use_symlinks: bool = ...
    _PEX_ROOT_DIRNAME: ClassVar[str]
@dataclass(frozen=True)
class CompletePexEnvironment:
    _pex_environment: PexEnvironment
    pex_root: PurePath
    _working_directory: PurePath | None
    append_only_caches: FrozenDict[str, str]
