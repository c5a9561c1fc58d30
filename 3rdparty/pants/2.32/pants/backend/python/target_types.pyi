# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from abc import ABC as ABC
from pants.engine.addresses import Address as Address
from pants.engine.target import AsyncFieldMixin as AsyncFieldMixin
from enum import Enum as Enum
from pants.engine.target import Field as Field
from collections.abc import Iterable as Iterable
from pants.util.pip_requirement import PipRequirement as PipRequirement
from pants.backend.python.subsystems.setup import PythonSetup as PythonSetup
from pants.core.target_types import ResolveLikeField as ResolveLikeField
from pants.engine.target import StringField as StringField
from abc import abstractmethod as abstractmethod
from dataclasses import dataclass as dataclass
class PythonResolveField(StringField, AsyncFieldMixin, ResolveLikeField):
    alias: ClassVar[str]
    required: ClassVar[bool]
    help: ClassVar[Any]

    def normalized_value(self, python_setup: PythonSetup) -> str:
        ...
class MainSpecification(ABC):

    @property
    @abstractmethod
    def spec(self) -> str:
        ...
@dataclass(frozen=True)
class EntryPoint(MainSpecification):
    module: str
    function: str | None = ...

    @classmethod
    def parse(cls, value: str, provenance: str | None=...) -> EntryPoint:
        ...

    def __post_init__(self):
        ...

    @property
    def spec(self) -> str:
        ...
@dataclass(frozen=True)
class ConsoleScript(MainSpecification):
    name: str

    @property
    def spec(self) -> str:
        ...
class EntryPointField(AsyncFieldMixin, Field):
    alias: ClassVar[str]
    default: ClassVar[Any]
    help: ClassVar[Any]
    value: EntryPoint | None

    @classmethod
    def compute_value(cls, raw_value: str | None, address: Address) -> EntryPoint | None:
        ...
@dataclass(frozen=True)
class ResolvedPexEntryPoint:
    val: EntryPoint | None
    file_name_used: bool
@dataclass(frozen=True)
class ResolvePexEntryPointRequest:
    entry_point_field: EntryPointField
class PexLayout(Enum):
    ZIPAPP = ...
    PACKED = ...
    LOOSE = ...
class _PipRequirementSequenceField(Field):
    value: tuple[PipRequirement, ...]

    @classmethod
    def compute_value(cls, raw_value: Iterable[str] | None, address: Address) -> tuple[PipRequirement, ...]:
        ...
class PythonRequirementsField(_PipRequirementSequenceField):
    alias: ClassVar[str]
    required: ClassVar[bool]
    help: ClassVar[Any]
class PythonRequirementResolveField(PythonResolveField):
    alias: ClassVar[str]
    required: ClassVar[bool]
    help: ClassVar[Any]
