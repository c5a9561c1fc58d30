# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from abc import ABCMeta as ABCMeta
from pants.engine.target import BoolField as BoolField
from typing import ClassVar as ClassVar
from pants.engine.fs import Digest as Digest
from enum import Enum as Enum
from pants.engine.environment import EnvironmentName as EnvironmentName
from pants.engine.target import FieldSet as FieldSet
from pants.util.frozendict import FrozenDict as FrozenDict
from collections.abc import Iterable as Iterable
from collections.abc import Mapping as Mapping
from pants.engine.rules import Rule as Rule
from pants.engine.unions import UnionRule as UnionRule
from dataclasses import dataclass as dataclass
from typing import final as final
from pants.engine.unions import union as union
class RunInSandboxBehavior(Enum):
    RUN_REQUEST_HERMETIC = ...
    RUN_REQUEST_NOT_HERMETIC = ...
    CUSTOM = ...
    NOT_SUPPORTED = ...
@union(in_scope_types=[EnvironmentName])
class RunFieldSet(FieldSet, metaclass=ABCMeta):
    supports_debug_adapter: ClassVar[bool] = ...
    run_in_sandbox_behavior: ClassVar[RunInSandboxBehavior]

    @final
    @classmethod
    def rules(cls) -> Iterable[Rule | UnionRule]:
        ...
class RestartableField(BoolField):
    alias: ClassVar[str]
    default: ClassVar[bool]
    help: ClassVar[Any]
@dataclass(frozen=True)
class RunRequest:
    digest: Digest
    args: tuple[str, ...]
    extra_env: FrozenDict[str, str]
    immutable_input_digests: Mapping[str, Digest] | None = ...
    append_only_caches: Mapping[str, str] | None = ...

    def __init__(self, *, digest: Digest, args: Iterable[str], extra_env: Mapping[str, str] | None=..., immutable_input_digests: Mapping[str, Digest] | None=..., append_only_caches: Mapping[str, str] | None=...) -> None:
        ...
