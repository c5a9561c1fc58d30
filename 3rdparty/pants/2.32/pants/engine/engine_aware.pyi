# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from abc import ABC as ABC
from typing import Any as Any
from pants.engine.fs import FileDigest as FileDigest
from pants.util.logging import LogLevel as LogLevel
from pants.engine.fs import Snapshot as Snapshot
class EngineAwareParameter(ABC):

    def metadata(self) -> dict[str, Any] | None:
        ...
class EngineAwareReturnType(ABC):

    def level(self) -> LogLevel | None:
        ...

    def artifacts(self) -> dict[str, FileDigest | Snapshot] | None:
        ...

    def metadata(self) -> dict[str, Any] | None:
        ...
class SideEffecting(ABC):
    _enforce_effects: bool
