# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from typing import AbstractSet as AbstractSet
from typing import Any as Any
from collections.abc import Callable as Callable
from typing import ClassVar as ClassVar
from collections.abc import Coroutine as Coroutine
from enum import Enum as Enum
from collections.abc import Generator as Generator
from typing import Generic as Generic
from pants.engine.fs import GlobExpansionConjunction as GlobExpansionConjunction
from pants.base.glob_match_error_behavior import GlobMatchErrorBehavior as GlobMatchErrorBehavior
from collections.abc import Hashable as Hashable
from collections.abc import Iterable as Iterable
from collections.abc import Iterator as Iterator
from collections.abc import Mapping as Mapping
from typing import Self as Self
from collections.abc import Sequence as Sequence
from pants.engine.internals.session import SessionValues as SessionValues
from typing import TypeVar as TypeVar
from typing import overload as overload
K = TypeVar('K')
V = TypeVar('V')
class FrozenDict(Mapping[K, V]):

    @overload
    def __new__(cls, __items: Iterable[tuple[K, V]], **kwargs: V) -> Self:
        ...

    @overload
    def __new__(cls, __other: Mapping[K, V], **kwargs: V) -> Self:
        ...

    @overload
    def __new__(cls, **kwargs: V) -> Self:
        ...

    @staticmethod
    def frozen(to_freeze: Mapping[K, V]) -> FrozenDict[K, V]:
        ...

    def __getitem__(self, k: K) -> V:
        ...

    def __len__(self) -> int:
        ...

    def __iter__(self) -> Iterator[K]:
        ...

    def __reversed__(self) -> Iterator[K]:
        ...

    def __eq__(self, other: Any) -> Any:
        ...

    def __lt__(self, other: Any) -> bool:
        ...

    def __or__(self, other: Any) -> FrozenDict[K, V]:
        ...

    def __ror__(self, other: Any) -> FrozenDict[K, V]:
        ...

    def __hash__(self) -> int:
        ...

    def __repr__(self) -> str:
        ...
T_co = TypeVar('T_co', covariant=True)
class FrozenOrderedSet(AbstractSet[T_co], Hashable):

    def __new__(cls, iterable: Iterable[T_co] | None=...) -> Self:
        ...

    def __len__(self) -> int:
        ...

    def __contains__(self, key: Any) -> bool:
        ...

    def __iter__(self) -> Iterator[T_co]:
        ...

    def __reversed__(self) -> Iterator[T_co]:
        ...

    def __hash__(self) -> int:
        ...

    def __eq__(self, other: Any) -> bool:
        ...

    def __or__(self, other: Iterable[T_co]) -> FrozenOrderedSet[T_co]:
        ...

    def __and__(self, other: Iterable[T_co]) -> FrozenOrderedSet[T_co]:
        ...

    def __sub__(self, other: Iterable[T_co]) -> FrozenOrderedSet[T_co]:
        ...

    def __xor__(self, other: Iterable[T_co]) -> FrozenOrderedSet[T_co]:
        ...

    def __bool__(self) -> bool:
        ...

    def __repr__(self) -> str:
        ...

    def union(self, *others: Iterable[T_co]) -> FrozenOrderedSet[T_co]:
        ...

    def intersection(self, *others: Iterable[T_co]) -> FrozenOrderedSet[T_co]:
        ...

    def isdisjoint(self, other: Iterable[T_co]) -> bool:
        ...
class AddressInput:

    def __init__(self, original_spec: str, path_component: str, description_of_origin: str, target_component: str | None=..., generated_component: str | None=..., parameters: Mapping[str, str] | None=...) -> None:
        ...

    @classmethod
    def parse(cls, spec: str, *, description_of_origin: str, relative_to: str | None=..., subproject_roots: Sequence[str] | None=...) -> Self:
        ...

    @property
    def spec(self) -> str:
        ...

    @property
    def parameters(self) -> dict[str, str]:
        ...

    @property
    def description_of_origin(self) -> str:
        ...
class Address:

    def __init__(self, spec_path: str, *, target_name: str | None=..., parameters: Mapping[str, str] | None=..., generated_name: str | None=..., relative_file_path: str | None=...) -> None:
        ...

    @property
    def spec_path(self) -> str:
        ...

    @property
    def generated_name(self) -> str | None:
        ...

    @property
    def parameters(self) -> dict[str, str]:
        ...

    @property
    def filename(self) -> str:
        ...

    @property
    def target_name(self) -> str:
        ...

    @property
    def spec(self) -> str:
        ...

    @property
    def path_safe_spec(self) -> str:
        ...

    def maybe_convert_to_target_generator(self) -> Address:
        ...

    def metadata(self) -> dict[str, Any]:
        ...

    def __lt__(self, other: Any) -> bool:
        ...

    def __gt__(self, other: Any) -> bool:
        ...
class UnionRule:
    union_base: type
    union_member: type

    def __init__(self, union_base: type, union_member: type) -> None:
        ...
_T = TypeVar('_T', bound=type)
class UnionMembership:

    def __contains__(self, union_type: _T) -> bool:
        ...

    def __getitem__(self, union_type: _T) -> Sequence[_T]:
        ...

    def get(self, union_type: _T) -> Sequence[_T]:
        ...

    def items(self) -> Iterable[tuple[type, Sequence[type]]]:
        ...
class PyExecutor:

    def __init__(self, core_threads: int, max_threads: int) -> None:
        ...
ImmutableValue = Any
class Field:
    none_is_valid_value: ClassVar[bool] = ...
    alias: ClassVar[str]
    help: ClassVar[str | Callable[[], str]]
    default: ClassVar[ImmutableValue]
    required: ClassVar[bool] = ...
    removal_version: ClassVar[str | None] = ...
    removal_hint: ClassVar[str | None] = ...
    deprecated_alias: ClassVar[str | None] = ...
    deprecated_alias_removal_version: ClassVar[str | None] = ...
    value: ImmutableValue | None
    _raw_value_type: ClassVar[str]

    def __init__(self, raw_value: Any | None, address: Address) -> None:
        ...

    @classmethod
    def compute_value(cls, raw_value: Any | None, address: Address) -> ImmutableValue:
        ...
_ST = TypeVar('_ST')
class ScalarField(Field, Generic[_ST]):
    expected_type: ClassVar[type[_ST]]
    expected_type_description: ClassVar[str]
    value: _ST | None
    default: ClassVar[_ST | None] = ...

    @classmethod
    def compute_value(cls, raw_value: Any | None, address: Address) -> _ST | None:
        ...
class BoolField(ScalarField[bool]):
    expected_type: ClassVar[type[bool]]
    expected_type_description: ClassVar[str]
    value: bool
    default: ClassVar[bool]

    @classmethod
    def compute_value(cls, raw_value: bool, address: Address) -> bool:
        ...
class StringField(ScalarField[str]):
    expected_type: ClassVar[type[str]]
    expected_type_description: ClassVar[str]
    valid_choices: ClassVar[type[Enum] | tuple[str, ...] | None]

    @classmethod
    def compute_value(cls, raw_value: str | None, address: Address) -> str | None:
        ...
_ET = TypeVar('_ET')
class SequenceField(Field, Generic[_ET]):
    expected_element_type: ClassVar[type]
    expected_type_description: ClassVar[str]
    value: tuple[_ET, ...] | None
    default: ClassVar[tuple[_ET, ...] | None] = ...

    @classmethod
    def compute_value(cls, raw_value: Iterable[Any] | None, address: Address) -> tuple[_ET, ...] | None:
        ...
class StringSequenceField(SequenceField[str]):
    expected_element_type: ClassVar[type[str]]
    expected_type_description: ClassVar[str]
    valid_choices: ClassVar[type[Enum] | tuple[str, ...] | None]

    @classmethod
    def compute_value(cls, raw_value: Iterable[str] | None, address: Address) -> tuple[str, ...] | None:
        ...
class AsyncFieldMixin(Field):
    address: Address

    def __hash__(self) -> int:
        ...

    def __eq__(self, other: Any) -> bool:
        ...

    def __ne__(self, other: Any) -> bool:
        ...

    def __repr__(self) -> str:
        ...
class SourcesField(AsyncFieldMixin):
    expected_file_extensions: ClassVar[tuple[str, ...] | None]
    expected_num_files: ClassVar[int | range | None]
    uses_source_roots: ClassVar[bool]
    default: ClassVar[Any]
    default_glob_match_error_behavior: ClassVar[Any | None]

    @property
    def globs(self) -> tuple[str, ...]:
        ...

    def path_globs(self, unmatched_build_file_globs: Any) -> PathGlobs:
        ...

    @property
    def filespec(self) -> Filespec:
        ...

    @property
    def filespec_matcher(self) -> FilespecMatcher:
        ...
class MultipleSourcesField(SourcesField):
    alias: ClassVar[str]
    ban_subdirectories: ClassVar[bool]

    @property
    def globs(self) -> tuple[str, ...]:
        ...

    @classmethod
    def compute_value(cls, raw_value: Iterable[str] | None, address: Any) -> tuple[str, ...] | None:
        ...
class OptionalSingleSourceField(SourcesField):
    alias: ClassVar[str]

    @property
    def globs(self) -> tuple[str, ...]:
        ...

    @classmethod
    def compute_value(cls, raw_value: str | None, address: Any) -> str | None:
        ...
class SingleSourceField(OptionalSingleSourceField):
    value: str
class Digest:

    def __init__(self, fingerprint: str, serialized_bytes_length: int) -> None:
        ...

    @property
    def fingerprint(self) -> str:
        ...

    @property
    def serialized_bytes_length(self) -> int:
        ...

    def __eq__(self, other: Digest | Any) -> bool:
        ...

    def __hash__(self) -> int:
        ...

    def __repr__(self) -> str:
        ...
class FileDigest:

    def __init__(self, fingerprint: str, serialized_bytes_length: int) -> None:
        ...

    @property
    def fingerprint(self) -> str:
        ...

    @property
    def serialized_bytes_length(self) -> int:
        ...

    def __eq__(self, other: FileDigest | Any) -> bool:
        ...

    def __hash__(self) -> int:
        ...

    def __repr__(self) -> str:
        ...
class Snapshot:

    @property
    def digest(self) -> Digest:
        ...

    @property
    def files(self) -> tuple[str, ...]:
        ...

    def __eq__(self, other: Snapshot | Any) -> bool:
        ...

    def __hash__(self) -> int:
        ...

    def __repr__(self) -> str:
        ...
class MergeDigests:

    def __init__(self, digests: Iterable[Digest]) -> None:
        ...

    def __eq__(self, other: MergeDigests | Any) -> bool:
        ...

    def __hash__(self) -> int:
        ...

    def __repr__(self) -> str:
        ...
class AddPrefix:

    def __init__(self, digest: Digest, prefix: str) -> None:
        ...

    def __eq__(self, other: AddPrefix | Any) -> bool:
        ...

    def __hash__(self) -> int:
        ...

    def __repr__(self) -> str:
        ...
class RemovePrefix:

    def __init__(self, digest: Digest, prefix: str) -> None:
        ...

    def __eq__(self, other: RemovePrefix | Any) -> bool:
        ...

    def __hash__(self) -> int:
        ...

    def __repr__(self) -> str:
        ...
class FilespecMatcher:

    def __init__(self, includes: Sequence[str], excludes: Sequence[str]) -> None:
        ...

    def __eq__(self, other: FilespecMatcher | Any) -> bool:
        ...

    def __hash__(self) -> int:
        ...

    def __repr__(self) -> str:
        ...

    def matches(self, paths: Sequence[str]) -> list[str]:
        ...
class Filespec:

    @property
    def excludes(self) -> tuple[str, ...]:
        ...

    def __getitem__(self, key: str) -> tuple[str, ...]:
        ...

    def __eq__(self, other: object) -> bool:
        ...

    def __hash__(self) -> int:
        ...

    def __repr__(self) -> str:
        ...
class PathGlobs:

    def __init__(self, globs: Iterable[str], glob_match_error_behavior: GlobMatchErrorBehavior=..., conjunction: GlobExpansionConjunction=..., description_of_origin: str | None=...) -> None:
        ...

    @property
    def globs(self) -> tuple[str, ...]:
        ...

    @property
    def glob_match_error_behavior(self) -> GlobMatchErrorBehavior:
        ...

    @property
    def conjunction(self) -> GlobExpansionConjunction:
        ...

    @property
    def description_of_origin(self) -> str | None:
        ...

    def __eq__(self, other: PathGlobs | Any) -> bool:
        ...

    def __hash__(self) -> int:
        ...

    def __repr__(self) -> str:
        ...
EMPTY_DIGEST: Digest
class ProcessExecutionEnvironment:

    def __init__(self, *, environment_name: str | None, platform: str, docker_image: str | None, remote_execution: bool, remote_execution_extra_platform_properties: Sequence[tuple[str, str]], execute_in_workspace: bool, keep_sandboxes: str) -> None:
        ...

    def __eq__(self, other: ProcessExecutionEnvironment | Any) -> bool:
        ...

    def __hash__(self) -> int:
        ...

    def __repr__(self) -> str:
        ...

    @property
    def name(self) -> str | None:
        ...

    @property
    def platform(self) -> str:
        ...
_Output_co = TypeVar('_Output_co', covariant=True)
_Input = TypeVar('_Input')
class Call(Generic[_Output_co]):
    rule_id: str
    output_type: type
    args: tuple[Any, ...]
    implicit_args: dict[Any, type]

    @overload
    def __init__(self, rule_id: str, output_type: type, args: tuple[Any, ...], input_arg0: dict[Any, type]) -> None:
        ...

    @overload
    def __init__(self, rule_id: str, output_type: type, args: tuple[Any, ...], input_arg0: _Input) -> None:
        ...

    @overload
    def __init__(self, rule_id: str, output_type: type, args: tuple[Any, ...], input_arg0: type[_Input], input_arg1: _Input) -> None:
        ...

    @overload
    def __init__(self, rule_id: str, output_type: type, args: tuple[Any, ...], input_arg0: type[_Input] | _Input, input_arg1: _Input | None=...) -> None:
        ...

    def __await__(self) -> Generator[Any, None, _Output_co]:
        ...

    def __repr__(self) -> str:
        ...
class _Concurrently(Generic[_Output_co]):

    def __init__(self, calls: tuple[Coroutine[Any, Any, Any] | Call[Any] | _Concurrently[Any], ...]) -> None:
        ...

    def __await__(self) -> Generator[_Concurrently[_Output_co], None, _Output_co]:
        ...
class PyScheduler:
    ...
class PySession:

    def __init__(self, *, scheduler: PyScheduler, dynamic_ui: bool, ui_use_prodash: bool, max_workunit_level: int, build_id: str, session_values: SessionValues, cancellation_latch: PySessionCancellationLatch) -> None:
        ...
class PySessionCancellationLatch:

    def __init__(self) -> None:
        ...
