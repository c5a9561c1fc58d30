# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from typing import ClassVar as ClassVar
from enum import Enum as Enum
from pants.option.subsystem import Subsystem as Subsystem
from abc import abstractmethod as abstractmethod
from pants.util.meta import classproperty as classproperty
from dataclasses import dataclass as dataclass
from typing import final as final
class GoalSubsystem(Subsystem):

    @classproperty
    @abstractmethod
    def name(cls):
        ...
@dataclass(frozen=True)
class Goal:

    class EnvironmentBehavior(Enum):
        LOCAL_ONLY = ...
        USES_ENVIRONMENTS = ...
    exit_code: int
    subsystem_cls: ClassVar[type[GoalSubsystem]]
    __goal__: ClassVar[bool]
    environment_behavior: ClassVar[EnvironmentBehavior]

    @final
    @classproperty
    def name(cls) -> str:
        ...
