# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.engine.engine_aware import EngineAwareParameter as EngineAwareParameter
from pants.util.ordered_set import FrozenOrderedSet as FrozenOrderedSet
from collections.abc import Iterable as Iterable
from packaging.requirements import Requirement as Requirement
class InterpreterConstraints(FrozenOrderedSet[Requirement], EngineAwareParameter):

    def __init__(self, constraints: Iterable[str | Requirement]=...) -> None:
        ...

    def __str__(self) -> str:
        ...

    @property
    def description(self) -> str:
        ...

    def minimum_python_version(self, interpreter_universe: Iterable[str]) -> str | None:
        ...

    def contains(self, other: InterpreterConstraints, interpreter_universe: Iterable[str]) -> bool:
        ...
