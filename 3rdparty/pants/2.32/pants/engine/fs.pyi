# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.engine.internals.native_engine import AddPrefix as AddPrefix
from pants.engine.collection import Collection as Collection
from pants.engine.internals.native_engine import Digest as Digest
from pants.engine.internals.native_engine import EMPTY_DIGEST as EMPTY_DIGEST
from enum import Enum as Enum
from pants.engine.internals.native_engine import FileDigest as FileDigest
from pants.base.glob_match_error_behavior import GlobMatchErrorBehavior as GlobMatchErrorBehavior
from collections.abc import Iterable as Iterable
from pants.engine.internals.native_engine import MergeDigests as MergeDigests
from pants.engine.internals.native_engine import RemovePrefix as RemovePrefix
from pants.engine.internals.scheduler import SchedulerSession as SchedulerSession
from collections.abc import Sequence as Sequence
from pants.engine.engine_aware import SideEffecting as SideEffecting
from pants.engine.internals.native_engine import Snapshot as Snapshot
from typing import Union as Union
from dataclasses import dataclass as dataclass
@dataclass(frozen=True)
class Paths:
    files: tuple[str, ...]
    dirs: tuple[str, ...]
@dataclass(frozen=True)
class FileContent:
    path: str
    content: bytes
    is_executable: bool = ...

    def __post_init__(self):
        ...

    def __repr__(self) -> str:
        ...
@dataclass(frozen=True)
class FileEntry:
    path: str
    file_digest: FileDigest
    is_executable: bool = ...
@dataclass(frozen=True)
class SymlinkEntry:
    path: str
    target: str
@dataclass(frozen=True)
class Directory:
    path: str

    def __repr__(self) -> str:
        ...
class DigestContents(Collection[FileContent]):
    ...
class DigestEntries(Collection[Union[FileEntry, SymlinkEntry, Directory]]):
    ...
class CreateDigest(Collection[Union[FileContent, FileEntry, SymlinkEntry, Directory]]):
    ...
class GlobExpansionConjunction(Enum):
    any_match = ...
    all_match = ...
@dataclass(frozen=True)
class PathGlobs:
    globs: tuple[str, ...]
    glob_match_error_behavior: GlobMatchErrorBehavior
    conjunction: GlobExpansionConjunction
    description_of_origin: str | None

    def __init__(self, globs: Iterable[str], glob_match_error_behavior: GlobMatchErrorBehavior=..., conjunction: GlobExpansionConjunction=..., description_of_origin: str | None=...) -> None:
        ...

    def __post_init__(self) -> None:
        ...
@dataclass(frozen=True)
class DigestSubset:
    digest: Digest
    globs: PathGlobs
@dataclass(frozen=True)
class Workspace(SideEffecting):
    _scheduler: SchedulerSession
    _enforce_effects: bool = ...

    def write_digest(self, digest: Digest, *, path_prefix: str | None=..., clear_paths: Sequence[str]=..., side_effecting: bool=...) -> None:
        ...
