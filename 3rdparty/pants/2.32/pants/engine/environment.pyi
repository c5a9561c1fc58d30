# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.engine.engine_aware import EngineAwareParameter as EngineAwareParameter
from dataclasses import dataclass as dataclass
@dataclass(frozen=True)
class EnvironmentName(EngineAwareParameter):
    val: str | None
@dataclass(frozen=True)
class ChosenLocalEnvironmentName:
    val: EnvironmentName
