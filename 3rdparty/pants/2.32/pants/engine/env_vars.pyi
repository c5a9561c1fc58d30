# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.util.frozendict import FrozenDict as FrozenDict
from pants.util.ordered_set import FrozenOrderedSet as FrozenOrderedSet
from collections.abc import Sequence as Sequence
from dataclasses import dataclass as dataclass
class CompleteEnvironmentVars(FrozenDict):
    ...
@dataclass(frozen=True)
class EnvironmentVarsRequest:
    requested: FrozenOrderedSet[str]
    allowed: FrozenOrderedSet[str] | None

    def __init__(self, requested: Sequence[str], allowed: Sequence[str] | None=...):
        ...
class EnvironmentVars(FrozenDict[str, str]):
    ...
