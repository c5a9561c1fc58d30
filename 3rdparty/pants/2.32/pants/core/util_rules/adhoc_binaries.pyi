# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from dataclasses import dataclass as dataclass
@dataclass(frozen=True)
class PythonBuildStandaloneBinary:
    _CACHE_DIRNAME: ClassVar[str]
    _SYMLINK_DIRNAME: ClassVar[str]
    APPEND_ONLY_CACHES: ClassVar[Any]
    path: str
