# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.core.goals.lint import AbstractLintRequest as AbstractLintRequest
from typing import ClassVar as ClassVar
from pants.engine.engine_aware import EngineAwareReturnType as EngineAwareReturnType
from pants.engine.environment import EnvironmentName as EnvironmentName
from pants.engine.process import FallibleProcessResult as FallibleProcessResult
from collections.abc import Iterable as Iterable
from pants.core.goals.lint import LintTargetsRequest as LintTargetsRequest
from pants.util.logging import LogLevel as LogLevel
from pants.core.util_rules.partitions import PartitionMetadataT as PartitionMetadataT
from pants.engine.process import ProcessResult as ProcessResult
from pants.util.strutil import Simplifier as Simplifier
from pants.engine.fs import Snapshot as Snapshot
from pants.engine.unions import UnionRule as UnionRule
from pants.core.util_rules.partitions import Partitions as UntypedPartitions
from dataclasses import dataclass as dataclass
from pants.engine.unions import distinct_union_type_per_subclass as distinct_union_type_per_subclass
from pants.engine.unions import union as union
@dataclass(frozen=True)
class FixResult(EngineAwareReturnType):
    input: Snapshot
    output: Snapshot
    stdout: str
    stderr: str
    tool_name: str

    @staticmethod
    async def create(request: AbstractFixRequest.Batch, process_result: ProcessResult | FallibleProcessResult, *, output_simplifier: Simplifier=...) -> FixResult:
        ...

    def __post_init__(self):
        ...

    def level(self) -> LogLevel | None:
        ...
Partitions = UntypedPartitions[str, PartitionMetadataT]
@union
class AbstractFixRequest(AbstractLintRequest):
    is_fixer: ClassVar[bool]
    enable_lint_rules: ClassVar[bool] = ...

    @distinct_union_type_per_subclass(in_scope_types=[EnvironmentName])
    @dataclass(frozen=True)
    class Batch(AbstractLintRequest.Batch):
        snapshot: Snapshot

        @property
        def files(self) -> tuple[str, ...]:
            ...

    @classmethod
    def _get_rules(cls) -> Iterable[UnionRule]:
        ...
class FixTargetsRequest(AbstractFixRequest, LintTargetsRequest):

    @classmethod
    def _get_rules(cls) -> Iterable:
        ...
