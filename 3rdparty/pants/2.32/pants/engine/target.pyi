# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from abc import ABCMeta as ABCMeta
from pants.engine.addresses import Address as Address
from typing import Any as Any
from pants.engine.internals.native_engine import AsyncFieldMixin as AsyncFieldMixin
from pants.engine.internals.native_engine import BoolField as BoolField
from collections.abc import Callable as Callable
from typing import ClassVar as ClassVar
from pants.engine.collection import Collection as Collection
from pants.engine.engine_aware import EngineAwareParameter as EngineAwareParameter
from enum import Enum as Enum
from pants.engine.environment import EnvironmentName as EnvironmentName
from pants.engine.internals.native_engine import Field as Field
from pants.source.filespec import Filespec as Filespec
from pants.source.filespec import FilespecMatcher as FilespecMatcher
from pants.util.frozendict import FrozenDict as FrozenDict
from pants.util.ordered_set import FrozenOrderedSet as FrozenOrderedSet
from typing import Generic as Generic
from pants.engine.fs import GlobMatchErrorBehavior as GlobMatchErrorBehavior
from collections.abc import Iterable as Iterable
from collections.abc import Mapping as Mapping
from pants.engine.fs import PathGlobs as PathGlobs
from pants.engine.internals.native_engine import ScalarField as ScalarField
from pants.engine.fs import Snapshot as Snapshot
from pants.engine.internals.target_adaptor import SourceBlocks as SourceBlocks
from pants.engine.internals.native_engine import StringField as StringField
from pants.engine.internals.native_engine import StringSequenceField as StringSequenceField
from typing import TypeVar as TypeVar
from pants.engine.unions import UnionMembership as UnionMembership
from pants.option.bootstrap_options import UnmatchedBuildFileGlobs as UnmatchedBuildFileGlobs
from pants.engine.addresses import UnparsedAddressInputs as UnparsedAddressInputs
from abc import abstractmethod as abstractmethod
from dataclasses import dataclass as dataclass
from pants.engine.unions import distinct_union_type_per_subclass as distinct_union_type_per_subclass
from typing import final as final
from pants.util.memo import memoized_classproperty as memoized_classproperty
from pants.util.memo import memoized_property as memoized_property
from pants.engine.unions import union as union
ImmutableValue = Any
_F = TypeVar('_F', bound=Field)
@dataclass(frozen=True)
class Target:
    alias: ClassVar[str]
    core_fields: ClassVar[tuple[type[Field], ...]]
    help: ClassVar[str | Callable[[], str]]
    removal_version: ClassVar[str | None] = ...
    removal_hint: ClassVar[str | None] = ...
    deprecated_alias: ClassVar[str | None] = ...
    deprecated_alias_removal_version: ClassVar[str | None] = ...
    address: Address
    field_values: FrozenDict[type[Field], Field]
    residence_dir: str
    name_explicitly_set: bool
    description_of_origin: str
    origin_sources_blocks: FrozenDict[str, SourceBlocks]

    @final
    def __init__(self, unhydrated_values: Mapping[str, Any], address: Address, union_membership: UnionMembership | None=..., *, name_explicitly_set: bool=..., residence_dir: str | None=..., ignore_unrecognized_fields: bool=..., description_of_origin: str | None=..., origin_sources_blocks: FrozenDict[str, SourceBlocks]=...) -> None:
        ...

    @distinct_union_type_per_subclass
    class PluginField:
        ...

    def __repr__(self) -> str:
        ...

    def __str__(self) -> str:
        ...

    def __hash__(self) -> int:
        ...

    def __eq__(self, other: Target | Any) -> bool:
        ...

    def __lt__(self, other: Any) -> bool:
        ...

    def __gt__(self, other: Any) -> bool:
        ...

    @final
    def __getitem__(self, field: type[_F]) -> _F:
        ...

    @final
    def get(self, field: type[_F], *, default_raw_value: Any | None=...) -> _F:
        ...

    @final
    def has_field(self, field: type[Field]) -> bool:
        ...

    def validate(self) -> None:
        ...
class Targets(Collection[Target]):

    def expect_single(self) -> Target:
        ...
class FilteredTargets(Collection[Target]):

    def expect_single(self) -> Target:
        ...
class UnexpandedTargets(Collection[Target]):

    def expect_single(self) -> Target:
        ...
class DepsTraversalBehavior(Enum):
    INCLUDE = ...
    EXCLUDE = ...
@dataclass(frozen=True)
class ShouldTraverseDepsPredicate(metaclass=ABCMeta):
    _callable: Callable[[Any, Target, Dependencies | SpecialCasedDependencies], DepsTraversalBehavior] = ...

    def __post_init__(self):
        ...

    @abstractmethod
    def __call__(self, target: Target, field: Dependencies | SpecialCasedDependencies) -> DepsTraversalBehavior:
        ...
class TraverseIfDependenciesField(ShouldTraverseDepsPredicate):

    def __call__(self, target: Target, field: Dependencies | SpecialCasedDependencies) -> DepsTraversalBehavior:
        ...
class AlwaysTraverseDeps(ShouldTraverseDepsPredicate):

    def __call__(self, target: Target, field: Dependencies | SpecialCasedDependencies) -> DepsTraversalBehavior:
        ...
@dataclass(frozen=True)
class TransitiveTargets:
    roots: tuple[Target, ...]
    dependencies: FrozenOrderedSet[Target]

    @memoized_property
    def closure(self) -> FrozenOrderedSet[Target]:
        ...
@dataclass(frozen=True)
class TransitiveTargetsRequest:
    roots: tuple[Address, ...]
    should_traverse_deps_predicate: ShouldTraverseDepsPredicate

    def __init__(self, roots: Iterable[Address], *, should_traverse_deps_predicate: ShouldTraverseDepsPredicate=...) -> None:
        ...
@dataclass(frozen=True)
class RegisteredTargetTypes:
    aliases_to_types: FrozenDict[str, type[Target]]

    def __init__(self, aliases_to_types: Mapping[str, type[Target]]) -> None:
        ...

    @classmethod
    def create(cls, target_types: Iterable[type[Target]]) -> RegisteredTargetTypes:
        ...
class AllTargets(Collection[Target]):
    ...
class TargetGenerator(Target):
    generated_target_cls: ClassVar[type[Target]]
    copied_fields: ClassVar[tuple[type[Field], ...]]
    moved_fields: ClassVar[tuple[type[Field], ...]]

    @distinct_union_type_per_subclass
    class MovedPluginField:
        ...

    def validate(self) -> None:
        ...
_TargetGenerator = TypeVar('_TargetGenerator', bound=TargetGenerator)
@union(in_scope_types=[EnvironmentName])
@dataclass(frozen=True)
class GenerateTargetsRequest(Generic[_TargetGenerator]):
    generate_from: ClassVar[type[_TargetGenerator]]
    generator: _TargetGenerator
    template_address: Address
    template: Mapping[str, Any] = ...
    overrides: Mapping[str, Mapping[Address, Mapping[str, Any]]] = ...
class TargetTypesToGenerateTargetsRequests(FrozenDict[type[TargetGenerator], type[GenerateTargetsRequest]]):
    ...
_FS = TypeVar('_FS', bound='FieldSet')
@dataclass(frozen=True)
class FieldSet(EngineAwareParameter, metaclass=ABCMeta):
    required_fields: ClassVar[tuple[type[Field], ...]]
    address: Address

    @classmethod
    def opt_out(cls, tgt: Target) -> bool:
        ...

    @final
    @classmethod
    def is_applicable(cls, tgt: Target) -> bool:
        ...

    @final
    @classmethod
    def create(cls: type[_FS], tgt: Target) -> _FS:
        ...

    @final
    @memoized_classproperty
    def fields(cls) -> FrozenDict[str, type[Field]]:
        ...

    def metadata(self) -> dict[str, Any]:
        ...

    def __repr__(self) -> str:
        ...
@dataclass(frozen=True)
class TargetRootsToFieldSets(Generic[_FS]):
    mapping: FrozenDict[Target, tuple[_FS, ...]]

    def __init__(self, mapping: Mapping[Target, Iterable[_FS]]) -> None:
        ...

    @memoized_property
    def field_sets(self) -> tuple[_FS, ...]:
        ...

    @memoized_property
    def targets(self) -> tuple[Target, ...]:
        ...
class NoApplicableTargetsBehavior(Enum):
    ignore = ...
    warn = ...
    error = ...
@dataclass(frozen=True)
class TargetRootsToFieldSetsRequest(Generic[_FS]):
    field_set_superclass: type[_FS]
    goal_description: str
    no_applicable_targets_behavior: NoApplicableTargetsBehavior
    shard: int
    num_shards: int

    def __init__(self, field_set_superclass: type[_FS], *, goal_description: str, no_applicable_targets_behavior: NoApplicableTargetsBehavior, shard: int=..., num_shards: int=...) -> None:
        ...
class InvalidFieldException(Exception):

    def __init__(self, message: Any, *, description_of_origin: str | None=...) -> None:
        ...

    def __str__(self) -> str:
        ...

    def __repr__(self) -> str:
        ...
class InvalidFieldTypeException(InvalidFieldException):

    def __init__(self, address: Address, field_alias: str, raw_value: Any | None, *, expected_type: str, description_of_origin: str | None=...) -> None:
        ...
class ValidNumbers(Enum):
    positive_only = ...
    positive_and_zero = ...
    all = ...

    def validate(self, num: float | int | None, alias: str, address: Address) -> None:
        ...
class FloatField(ScalarField[float]):
    expected_type = float
    expected_type_description: ClassVar[str]
    valid_numbers: ClassVar[ValidNumbers] = ...

    @classmethod
    def compute_value(cls, raw_value: float | None, address: Address) -> float | None:
        ...
class SourcesField(AsyncFieldMixin, Field):
    expected_file_extensions: ClassVar[tuple[str, ...] | None] = ...
    expected_num_files: ClassVar[int | range | None] = ...
    uses_source_roots: ClassVar[bool] = ...
    default: ClassVar[ImmutableValue] = ...
    default_glob_match_error_behavior: ClassVar[GlobMatchErrorBehavior | None] = ...

    @property
    def globs(self) -> tuple[str, ...]:
        ...

    @final
    def path_globs(self, unmatched_build_file_globs: UnmatchedBuildFileGlobs) -> PathGlobs:
        ...

    @memoized_property
    def filespec(self) -> Filespec:
        ...

    @memoized_property
    def filespec_matcher(self) -> FilespecMatcher:
        ...
class MultipleSourcesField(SourcesField, StringSequenceField):
    alias: ClassVar[str]
    ban_subdirectories: ClassVar[bool] = ...

    @property
    def globs(self) -> tuple[str, ...]:
        ...

    @classmethod
    def compute_value(cls, raw_value: Iterable[str] | None, address: Address) -> tuple[str, ...] | None:
        ...
class OptionalSingleSourceField(SourcesField, StringField):
    alias: ClassVar[str]
    help: ClassVar[Any]
    required: ClassVar[bool]
    default: ClassVar[str | None] = ...
    expected_num_files: ClassVar[int | range] = ...

    @classmethod
    def compute_value(cls, raw_value: str | None, address: Address) -> str | None:
        ...

    @property
    def globs(self) -> tuple[str, ...]:
        ...
class SingleSourceField(OptionalSingleSourceField):
    required: ClassVar[bool]
    expected_num_files: ClassVar[int]
    value: str
@dataclass(frozen=True)
class HydrateSourcesRequest(EngineAwareParameter):
    field: SourcesField
    for_sources_types: tuple[type[SourcesField], ...]
    enable_codegen: bool

    def __init__(self, field: SourcesField, *, for_sources_types: Iterable[type[SourcesField]]=..., enable_codegen: bool=...) -> None:
        ...

    def __post_init__(self) -> None:
        ...
@dataclass(frozen=True)
class HydratedSources:
    snapshot: Snapshot
    filespec: Filespec
    sources_type: type[SourcesField] | None
class Dependencies(StringSequenceField, AsyncFieldMixin):
    alias: ClassVar[str]
    help: ClassVar[Any]
    supports_transitive_excludes: ClassVar[bool]
@dataclass(frozen=True)
class DependenciesRequest(EngineAwareParameter):
    field: Dependencies
    should_traverse_deps_predicate: ShouldTraverseDepsPredicate = ...
@dataclass(frozen=True)
class ExplicitlyProvidedDependenciesRequest(EngineAwareParameter):
    field: Dependencies
@dataclass(frozen=True)
class ExplicitlyProvidedDependencies:
    address: Address
    includes: FrozenOrderedSet[Address]
    ignores: FrozenOrderedSet[Address]

    def maybe_warn_of_ambiguous_dependency_inference(self, ambiguous_addresses: Iterable[Address], original_address: Address, *, context: str, import_reference: str, owners_must_be_ancestors: bool=...) -> None:
        ...

    def disambiguated(self, ambiguous_addresses: Iterable[Address], owners_must_be_ancestors: bool=...) -> Address | None:
        ...
FS = TypeVar('FS', bound='FieldSet')
@union(in_scope_types=[EnvironmentName])
@dataclass(frozen=True)
class InferDependenciesRequest(Generic[FS], EngineAwareParameter):
    infer_from: ClassVar[type[FS]]
    field_set: FS
@dataclass(frozen=True)
class InferredDependencies:
    include: FrozenOrderedSet[Address]
    exclude: FrozenOrderedSet[Address]

    def __init__(self, include: Iterable[Address], *, exclude: Iterable[Address]=...) -> None:
        ...
class SpecialCasedDependencies(StringSequenceField, AsyncFieldMixin):

    def to_unparsed_address_inputs(self) -> UnparsedAddressInputs:
        ...
COMMON_TARGET_FIELDS: Any
