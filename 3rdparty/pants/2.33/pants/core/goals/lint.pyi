# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from typing import Any as Any
from typing import ClassVar as ClassVar
from pants.engine.fs import Digest as Digest
from pants.engine.fs import EMPTY_DIGEST as EMPTY_DIGEST
from pants.engine.engine_aware import EngineAwareParameter as EngineAwareParameter
from pants.engine.engine_aware import EngineAwareReturnType as EngineAwareReturnType
from pants.engine.environment import EnvironmentName as EnvironmentName
from pants.engine.process import FallibleProcessResult as FallibleProcessResult
from pants.engine.target import FieldSet as FieldSet
from collections.abc import Iterable as Iterable
from pants.util.logging import LogLevel as LogLevel
from pants.core.util_rules.partitions import PartitionElementT as PartitionElementT
from pants.core.util_rules.partitions import PartitionMetadataT as PartitionMetadataT
from pants.core.util_rules.partitions import PartitionerType as PartitionerType
from pants.util.strutil import Simplifier as Simplifier
from pants.core.goals.multi_tool_goal_helper import SkippableSubsystem as SkippableSubsystem
from typing import TypeVar as TypeVar
from pants.core.util_rules.partitions import _BatchBase as _BatchBase
from pants.core.util_rules.partitions import _PartitionFieldSetsRequestBase as _PartitionFieldSetsRequestBase
from pants.core.util_rules.partitions import _PartitionFilesRequestBase as _PartitionFilesRequestBase
from pants.util.meta import classproperty as classproperty
from dataclasses import dataclass as dataclass
from pants.engine.unions import distinct_union_type_per_subclass as distinct_union_type_per_subclass
from typing import final as final
from pants.engine.unions import union as union
_FieldSetT = TypeVar('_FieldSetT', bound=FieldSet)
@dataclass(frozen=True)
class LintResult(EngineAwareReturnType):
    exit_code: int
    stdout: str
    stderr: str
    linter_name: str
    partition_description: str | None = ...
    report: Digest = ...
    _render_message: bool = ...

    @classmethod
    def create(cls, request: AbstractLintRequest.Batch, process_result: FallibleProcessResult, *, output_simplifier: Simplifier=..., report: Digest=...) -> LintResult:
        ...

    def metadata(self) -> dict[str, Any]:
        ...

    def level(self) -> LogLevel | None:
        ...
@union
class AbstractLintRequest:
    tool_subsystem: ClassVar[type[SkippableSubsystem]]
    partitioner_type: ClassVar[PartitionerType] = ...
    is_formatter: ClassVar[bool] = ...
    is_fixer: ClassVar[bool] = ...

    @classproperty
    def tool_name(cls) -> str:
        ...

    @distinct_union_type_per_subclass(in_scope_types=[EnvironmentName])
    class Batch(_BatchBase[PartitionElementT, PartitionMetadataT]):
        ...

    @final
    @classmethod
    def rules(cls) -> Iterable:
        ...

    @classmethod
    def _get_rules(cls) -> Iterable:
        ...
class LintTargetsRequest(AbstractLintRequest):
    field_set_type: ClassVar[type[FieldSet]]

    @distinct_union_type_per_subclass(in_scope_types=[EnvironmentName])
    class PartitionRequest(_PartitionFieldSetsRequestBase[_FieldSetT]):
        ...

    @classmethod
    def _get_rules(cls) -> Iterable:
        ...
class LintFilesRequest(AbstractLintRequest, EngineAwareParameter):

    @distinct_union_type_per_subclass(in_scope_types=[EnvironmentName])
    class PartitionRequest(_PartitionFilesRequestBase):
        ...

    @classmethod
    def _get_rules(cls) -> Iterable:
        ...
REPORT_DIR: str
