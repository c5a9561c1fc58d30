# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from dataclasses import dataclass as dataclass
@dataclass(frozen=True)
class BinaryPath:
    path: str
    fingerprint: str

    def __init__(self, path: str, fingerprint: str | None=...) -> None:
        ...
class BashBinary(BinaryPath):
    DEFAULT_SEARCH_PATH: ClassVar[Any]
