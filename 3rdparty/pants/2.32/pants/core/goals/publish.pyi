# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from abc import ABCMeta as ABCMeta
from pants.core.goals.package import BuiltPackage as BuiltPackage
from typing import ClassVar as ClassVar
from pants.engine.collection import Collection as Collection
from pants.engine.environment import EnvironmentName as EnvironmentName
from pants.engine.target import FieldSet as FieldSet
from pants.util.frozendict import FrozenDict as FrozenDict
from typing import Generic as Generic
from pants.engine.target import ImmutableValue as ImmutableValue
from pants.engine.process import InteractiveProcess as InteractiveProcess
from pants.engine.process import Process as Process
from typing import TypeVar as TypeVar
from pants.engine.unions import UnionRule as UnionRule
from dataclasses import dataclass as dataclass
from typing import final as final
from pants.engine.unions import union as union
_F = TypeVar('_F', bound=FieldSet)
class PublishOutputData(FrozenDict[str, ImmutableValue]):
    ...
@union(in_scope_types=[EnvironmentName])
@dataclass(frozen=True)
class PublishRequest(Generic[_F]):
    field_set: _F
    packages: tuple[BuiltPackage, ...]
_T = TypeVar('_T', bound=PublishRequest)
@union(in_scope_types=[EnvironmentName])
@dataclass(frozen=True)
class PublishFieldSet(Generic[_T], FieldSet, metaclass=ABCMeta):
    publish_request_type: ClassVar[type[_T]]

    @final
    @classmethod
    def rules(cls) -> tuple[UnionRule, ...]:
        ...

    def get_output_data(self) -> PublishOutputData:
        ...
@dataclass(frozen=True)
class PublishPackages:
    names: tuple[str, ...]
    process: InteractiveProcess | Process | None = ...
    description: str | None = ...
    data: PublishOutputData = ...

    def get_output_data(self, **extra_data) -> PublishOutputData:
        ...
class PublishProcesses(Collection[PublishPackages]):
    ...
