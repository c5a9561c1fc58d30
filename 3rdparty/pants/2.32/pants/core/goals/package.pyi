# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from abc import ABCMeta as ABCMeta
from pants.engine.target import AsyncFieldMixin as AsyncFieldMixin
from pants.engine.fs import Digest as Digest
from pants.core.util_rules.distdir import DistDir as DistDir
from pants.engine.environment import EnvironmentName as EnvironmentName
from pants.engine.target import FieldSet as FieldSet
from pants.engine.goal import Goal as Goal
from pants.engine.goal import GoalSubsystem as GoalSubsystem
from pants.engine.target import StringField as StringField
from pants.engine.fs import Workspace as Workspace
from dataclasses import dataclass as dataclass
from pants.engine.rules import goal_rule as goal_rule
from pants.engine.rules import rule as rule
from pants.engine.unions import union as union
@union(in_scope_types=[EnvironmentName])
class PackageFieldSet(FieldSet, metaclass=ABCMeta):
    ...
@dataclass(frozen=True)
class BuiltPackageArtifact:
    relpath: str | None
    extra_log_lines: tuple[str, ...] = ...
@dataclass(frozen=True)
class BuiltPackage:
    digest: Digest
    artifacts: tuple[BuiltPackageArtifact, ...]
class OutputPathField(StringField, AsyncFieldMixin):
    DEFAULT: ClassVar[str]
    alias: ClassVar[str]
    default = DEFAULT
    help: ClassVar[Any]

    def parameters(self, *, file_ending: str | None) -> dict[str, str]:
        ...

    def value_or_default(self, *, file_ending: str | None) -> str:
        ...
@dataclass(frozen=True)
class EnvironmentAwarePackageRequest:
    field_set: PackageFieldSet
@rule
async def environment_aware_package(request: EnvironmentAwarePackageRequest) -> BuiltPackage:
    ...
class PackageSubsystem(GoalSubsystem):
    name: ClassVar[str]
    help: ClassVar[str]
class Package(Goal):
    subsystem_cls = PackageSubsystem
    environment_behavior = Goal.EnvironmentBehavior.USES_ENVIRONMENTS
@goal_rule
async def package_asset(workspace: Workspace, dist_dir: DistDir) -> Package:
    ...
