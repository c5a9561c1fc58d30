# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.engine.fs import Digest as Digest
from pants.util.frozendict import FrozenDict as FrozenDict
from collections.abc import Iterable as Iterable
from pants.util.logging import LogLevel as LogLevel
from collections.abc import Mapping as Mapping
from pants.engine.process import ProcessCacheScope as ProcessCacheScope
from dataclasses import dataclass as dataclass
@dataclass(frozen=True)
class PexCliProcess:
    subcommand: tuple[str, ...]
    extra_args: tuple[str, ...]
    description: str = ...
    additional_input_digest: Digest | None
    extra_env: FrozenDict[str, str] | None
    output_files: tuple[str, ...] | None
    output_directories: tuple[str, ...] | None
    level: LogLevel
    concurrency_available: int
    cache_scope: ProcessCacheScope

    def __init__(self, *, subcommand: Iterable[str], extra_args: Iterable[str], description: str, additional_input_digest: Digest | None=..., extra_env: Mapping[str, str] | None=..., output_files: Iterable[str] | None=..., output_directories: Iterable[str] | None=..., level: LogLevel=..., concurrency_available: int=..., cache_scope: ProcessCacheScope=...) -> None:
        ...

    def __post_init__(self) -> None:
        ...
