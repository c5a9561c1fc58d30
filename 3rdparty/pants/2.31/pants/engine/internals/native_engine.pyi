# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from typing import Any as Any
from collections.abc import Callable as Callable
from typing import ClassVar as ClassVar
from typing import Generic as Generic
from collections.abc import Iterable as Iterable
from collections.abc import Mapping as Mapping
from typing import Self as Self
from collections.abc import Sequence as Sequence
from pants.engine.internals.session import SessionValues as SessionValues
from typing import TypeVar as TypeVar
from typing import overload as overload
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

    def __init__(self, raw_value: Any | None, address: Address) -> None:
        ...

    @classmethod
    def compute_value(cls, raw_value: Any | None, address: Address) -> ImmutableValue:
        ...
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
_Output = TypeVar('_Output')
_Input = TypeVar('_Input')
class PyGeneratorResponseGet(Generic[_Output]):
    output_type: type[_Output]
    input_types: Sequence[type]
    inputs: Sequence[Any]

    @overload
    def __init__(self, output_type: type[_Output]) -> None:
        ...

    @overload
    def __init__(self, output_type: type[_Output], input_arg0: dict[Any, type]) -> None:
        ...

    @overload
    def __init__(self, output_type: type[_Output], input_arg0: _Input) -> None:
        ...

    @overload
    def __init__(self, output_type: type[_Output], input_arg0: type[_Input], input_arg1: _Input) -> None:
        ...

    @overload
    def __init__(self, output_type: type[_Output], input_arg0: type[_Input] | _Input, input_arg1: _Input | None=...) -> None:
        ...
class PyScheduler:
    ...
class PySession:

    def __init__(self, *, scheduler: PyScheduler, dynamic_ui: bool, ui_use_prodash: bool, max_workunit_level: int, build_id: str, session_values: SessionValues, cancellation_latch: PySessionCancellationLatch) -> None:
        ...
class PySessionCancellationLatch:

    def __init__(self) -> None:
        ...
