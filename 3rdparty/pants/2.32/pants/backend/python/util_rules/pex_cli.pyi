# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.engine.fs import Digest as Digest
from pants.core.util_rules.external_tool import DownloadedExternalTool as DownloadedExternalTool
from pants.util.frozendict import FrozenDict as FrozenDict
from pants.option.global_options import GlobalOptions as GlobalOptions
from collections.abc import Iterable as Iterable
from pants.util.logging import LogLevel as LogLevel
from collections.abc import Mapping as Mapping
from pants.backend.python.util_rules.pex_environment import PexEnvironment as PexEnvironment
from pants.backend.python.util_rules.pex_environment import PexSubsystem as PexSubsystem
from pants.engine.process import Process as Process
from pants.engine.process import ProcessCacheScope as ProcessCacheScope
from pants.core.util_rules.adhoc_binaries import PythonBuildStandaloneBinary as PythonBuildStandaloneBinary
from pants.backend.python.util_rules.pex_environment import PythonExecutable as PythonExecutable
from pants.backend.python.subsystems.python_native_code import PythonNativeCodeSubsystem as PythonNativeCodeSubsystem
from pants.backend.python.subsystems.setup import PythonSetup as PythonSetup
from pants.core.util_rules.external_tool import TemplatedExternalTool as TemplatedExternalTool
from dataclasses import dataclass as dataclass
from pants.engine.rules import rule as rule
_PEX_VERSION: str
class PexCli(TemplatedExternalTool):
    options_scope: ClassVar[str]
    name: ClassVar[str]
    help: ClassVar[str]
    default_version = _PEX_VERSION
    default_url_template: ClassVar[str]
    version_constraints: ClassVar[str]
    global_args: ClassVar[Any]
    default_known_versions: ClassVar[Any]
@dataclass(frozen=True)
class PexCliProcess:
    interpreter: PythonExecutable | PythonBuildStandaloneBinary | None
    subcommand: tuple[str, ...]
    extra_args: tuple[str, ...]
    description: str = ...
    additional_input_digest: Digest | None
    extra_env: FrozenDict[str, str] | None
    append_only_caches: FrozenDict[str, str] | None
    output_files: tuple[str, ...] | None
    output_directories: tuple[str, ...] | None
    level: LogLevel
    concurrency_available: int
    cache_scope: ProcessCacheScope

    def __init__(self, *, interpreter: PythonExecutable | PythonBuildStandaloneBinary | None=..., subcommand: Iterable[str], extra_args: Iterable[str], description: str, additional_input_digest: Digest | None=..., extra_env: Mapping[str, str] | None=..., append_only_caches: Mapping[str, str] | None=..., output_files: Iterable[str] | None=..., output_directories: Iterable[str] | None=..., level: LogLevel=..., concurrency_available: int=..., cache_scope: ProcessCacheScope=...) -> None:
        ...

    def __post_init__(self) -> None:
        ...
class PexPEX(DownloadedExternalTool):
    ...
@rule
async def setup_pex_cli_process(request: PexCliProcess, pex_pex: PexPEX, pex_env: PexEnvironment, bootstrap_python: PythonBuildStandaloneBinary, python_native_code: PythonNativeCodeSubsystem.EnvironmentAware, global_options: GlobalOptions, pex_subsystem: PexSubsystem, pex_cli_subsystem: PexCli, python_setup: PythonSetup) -> Process:
    ...
