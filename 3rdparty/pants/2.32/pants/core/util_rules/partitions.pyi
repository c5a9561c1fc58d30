# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.engine.collection import Collection as Collection
from pants.engine.engine_aware import EngineAwareParameter as EngineAwareParameter
from enum import Enum as Enum
from pants.engine.target import FieldSet as FieldSet
from typing import Generic as Generic
from collections.abc import Iterable as Iterable
from typing import Protocol as Protocol
from typing import TypeVar as TypeVar
from dataclasses import dataclass as dataclass
from typing import overload as overload
from pants.util.meta import runtime_ignore_subscripts as runtime_ignore_subscripts
_FieldSetT = TypeVar('_FieldSetT', bound=FieldSet)
class PartitionerType(Enum):
    CUSTOM = ...
    DEFAULT_SINGLE_PARTITION = ...
    DEFAULT_ONE_PARTITION_PER_INPUT = ...
class PartitionMetadata(Protocol):

    @property
    def description(self) -> str | None:
        ...
class _EmptyMetadata:

    @property
    def description(self) -> None:
        ...
PartitionMetadataT = TypeVar('PartitionMetadataT', bound=PartitionMetadata)
PartitionElementT = TypeVar('PartitionElementT')
@dataclass(frozen=True)
@runtime_ignore_subscripts
class Partition(Generic[PartitionElementT, PartitionMetadataT]):
    elements: tuple[PartitionElementT, ...]
    metadata: PartitionMetadataT
@runtime_ignore_subscripts
class Partitions(Collection[Partition[PartitionElementT, PartitionMetadataT]]):

    @overload
    @classmethod
    def single_partition(cls, elements: Iterable[PartitionElementT]) -> Partitions[PartitionElementT, _EmptyMetadata]:
        ...

    @overload
    @classmethod
    def single_partition(cls, elements: Iterable[PartitionElementT], *, metadata: PartitionMetadataT) -> Partitions[PartitionElementT, PartitionMetadataT]:
        ...
@dataclass(frozen=True)
@runtime_ignore_subscripts
class _BatchBase(Generic[PartitionElementT, PartitionMetadataT], EngineAwareParameter):
    tool_name: str
    elements: tuple[PartitionElementT, ...]
    partition_metadata: PartitionMetadataT
@dataclass(frozen=True)
@runtime_ignore_subscripts
class _PartitionFieldSetsRequestBase(Generic[_FieldSetT], EngineAwareParameter):
    field_sets: tuple[_FieldSetT, ...]
@dataclass(frozen=True)
class _PartitionFilesRequestBase(EngineAwareParameter):
    files: tuple[str, ...]
