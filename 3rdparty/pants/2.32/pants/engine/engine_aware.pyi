# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from abc import ABC as ABC
from pants.engine.fs import FileDigest as FileDigest
from pants.util.logging import LogLevel as LogLevel
from pants.engine.fs import Snapshot as Snapshot
class EngineAwareParameter(ABC):
    ...
class EngineAwareReturnType(ABC):

    def level(self) -> LogLevel | None:
        ...

    def artifacts(self) -> dict[str, FileDigest | Snapshot] | None:
        ...
class SideEffecting(ABC):
    _enforce_effects: bool
