# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from abc import ABC as ABC
from abc import ABCMeta as ABCMeta
from pants.engine.addresses import Address as Address
from typing import Any as Any
from typing import ClassVar as ClassVar
from pants.engine.engine_aware import EngineAwareReturnType as EngineAwareReturnType
from enum import Enum as Enum
from pants.core.environments.rules import EnvironmentName as EnvironmentName
from pants.engine.process import FallibleProcessResult as FallibleProcessResult
from pants.engine.target import FieldSet as FieldSet
from pants.engine.fs import FileDigest as FileDigest
from pants.engine.goal import GoalSubsystem as GoalSubsystem
from collections.abc import Iterable as Iterable
from pants.util.logging import LogLevel as LogLevel
from pants.core.util_rules.partitions import PartitionMetadataT as PartitionMetadataT
from pants.core.util_rules.partitions import PartitionerType as PartitionerType
from pants.engine.process import ProcessResultMetadata as ProcessResultMetadata
from pants.util.strutil import Simplifier as Simplifier
from pants.core.goals.multi_tool_goal_helper import SkippableSubsystem as SkippableSubsystem
from pants.engine.fs import Snapshot as Snapshot
from pants.engine.target import SourcesField as SourcesField
from typing import TypeVar as TypeVar
from pants.core.util_rules.partitions import _BatchBase as _BatchBase
from pants.core.util_rules.partitions import _PartitionFieldSetsRequestBase as _PartitionFieldSetsRequestBase
from pants.util.meta import classproperty as classproperty
from dataclasses import dataclass as dataclass
from pants.engine.unions import distinct_union_type_per_subclass as distinct_union_type_per_subclass
from pants.engine.unions import union as union
@dataclass(frozen=True)
class TestResult(EngineAwareReturnType):
    exit_code: int | None
    stdout_bytes: bytes
    stdout_digest: FileDigest
    stderr_bytes: bytes
    stderr_digest: FileDigest
    addresses: tuple[Address, ...]
    output_setting: ShowOutput
    result_metadata: ProcessResultMetadata | None
    partition_description: str | None = ...
    coverage_data: CoverageData | None = ...
    xml_results: Snapshot | None = ...
    extra_output: Snapshot | None = ...
    log_extra_output: bool = ...
    process_results: tuple[FallibleProcessResult, ...] = ...
    output_simplifier: Simplifier = ...
    __test__: ClassVar[bool]

    @staticmethod
    def no_tests_found(address: Address, output_setting: ShowOutput) -> TestResult:
        ...

    @staticmethod
    def from_fallible_process_result(process_results: tuple[FallibleProcessResult, ...], address: Address, output_setting: ShowOutput, *, coverage_data: CoverageData | None=..., xml_results: Snapshot | None=..., extra_output: Snapshot | None=..., log_extra_output: bool=..., output_simplifier: Simplifier=...) -> TestResult:
        ...

    @property
    def description(self) -> str:
        ...

    def __lt__(self, other: Any) -> bool:
        ...

    def artifacts(self) -> dict[str, FileDigest | Snapshot] | None:
        ...

    def level(self) -> LogLevel:
        ...

    def metadata(self) -> dict[str, Any]:
        ...
class ShowOutput(Enum):
    ALL = ...
    FAILED = ...
    NONE = ...
@union
@dataclass(frozen=True)
class TestFieldSet(FieldSet, metaclass=ABCMeta):
    sources: SourcesField
    __test__: ClassVar[bool]
_TestFieldSetT = TypeVar('_TestFieldSetT', bound=TestFieldSet)
@union
class TestRequest:
    tool_subsystem: ClassVar[type[SkippableSubsystem]]
    field_set_type: ClassVar[type[TestFieldSet]]
    partitioner_type: ClassVar[PartitionerType] = ...
    supports_debug: ClassVar[bool] = ...
    supports_debug_adapter: ClassVar[bool] = ...
    __test__: ClassVar[bool]

    @classproperty
    def tool_name(cls) -> str:
        ...

    @distinct_union_type_per_subclass(in_scope_types=[EnvironmentName])
    class PartitionRequest(_PartitionFieldSetsRequestBase[_TestFieldSetT]):

        def metadata(self) -> dict[str, Any]:
            ...

    @distinct_union_type_per_subclass(in_scope_types=[EnvironmentName])
    class Batch(_BatchBase[_TestFieldSetT, PartitionMetadataT]):

        @property
        def single_element(self) -> _TestFieldSetT:
            ...

        @property
        def description(self) -> str:
            ...

        def metadata(self) -> dict[str, Any]:
            ...

    @classmethod
    def rules(cls) -> Iterable:
        ...
class CoverageData(ABC):
    ...
class TestSubsystem(GoalSubsystem):
    name: ClassVar[str]
    help: ClassVar[str]
    __test__: ClassVar[bool]

    class EnvironmentAware:
        extra_env_vars: ClassVar[Any]
    debug: ClassVar[Any]
    debug_adapter: ClassVar[Any]
    force: ClassVar[Any]
    output: ClassVar[Any]
    use_coverage: ClassVar[Any]
    open_coverage: ClassVar[Any]
    report: ClassVar[Any]
    default_report_path: ClassVar[Any]
    _report_dir: ClassVar[Any]
    shard: ClassVar[Any]
    timeouts: ClassVar[Any]
    timeout_default: ClassVar[Any]
    timeout_maximum: ClassVar[Any]
    _attempts_default: ClassVar[Any]
    batch_size: ClassVar[Any]
    show_rerun_command: ClassVar[Any]
    experimental_report_test_result_info: ClassVar[Any]
