# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.util.ordered_set import FrozenOrderedSet as FrozenOrderedSet
from dataclasses import dataclass as dataclass
@dataclass(frozen=True)
class SourceBlock:
    start: int
    end: int

    def __init__(self, start: int, end: int):
        ...

    def __post_init__(self):
        ...

    def __len__(self) -> int:
        ...
class SourceBlocks(FrozenOrderedSet[SourceBlock]):
    ...
