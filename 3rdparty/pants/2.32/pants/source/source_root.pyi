# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.util.frozendict import FrozenDict as FrozenDict
from collections.abc import Iterable as Iterable
from pathlib import PurePath as PurePath
from dataclasses import dataclass as dataclass
from pants.engine.rules import rule as rule
@dataclass(frozen=True, order=True)
class SourceRoot:
    path: str
@dataclass(frozen=True)
class SourceRootsRequest:
    files: tuple[PurePath, ...]
    dirs: tuple[PurePath, ...]

    def __init__(self, files: Iterable[PurePath], dirs: Iterable[PurePath]) -> None:
        ...

    def __post_init__(self) -> None:
        ...

    @classmethod
    def for_files(cls, file_paths: Iterable[str]) -> SourceRootsRequest:
        ...
@dataclass(frozen=True)
class SourceRootsResult:
    path_to_root: FrozenDict[PurePath, SourceRoot]
@rule
async def get_source_roots(source_roots_request: SourceRootsRequest) -> SourceRootsResult:
    ...
