# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from collections.abc import Iterable as Iterable
from pants.util.logging import LogLevel as LogLevel
from pants.core.util_rules.source_files import SourceFiles as SourceFiles
from pants.core.util_rules.stripped_source_files import StrippedSourceFiles as StrippedSourceFiles
from pants.engine.target import Target as Target
from pants.engine.unions import UnionMembership as UnionMembership
from dataclasses import dataclass as dataclass
from pants.engine.rules import rule as rule
@dataclass(frozen=True)
class PythonSourceFiles:
    source_files: SourceFiles
    source_roots: tuple[str, ...]
@dataclass(frozen=True)
class StrippedPythonSourceFiles:
    stripped_source_files: StrippedSourceFiles
@dataclass(unsafe_hash=True)
class PythonSourceFilesRequest:
    targets: tuple[Target, ...]
    include_resources: bool
    include_files: bool

    def __init__(self, targets: Iterable[Target], *, include_resources: bool=..., include_files: bool=...) -> None:
        ...
@rule(level=LogLevel.DEBUG)
async def prepare_python_sources(request: PythonSourceFilesRequest, union_membership: UnionMembership) -> PythonSourceFiles:
    ...
@rule(level=LogLevel.DEBUG)
async def strip_python_sources(python_sources: PythonSourceFiles) -> StrippedPythonSourceFiles:
    ...
