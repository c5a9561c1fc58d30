# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.engine.addresses import Addresses as Addresses
from pants.engine.environment import ChosenLocalEnvironmentName as ChosenLocalEnvironmentName
from pants.engine.collection import Collection as Collection
from pants.engine.environment import EnvironmentName as EnvironmentName
from pants.engine.target import ExplicitlyProvidedDependencies as ExplicitlyProvidedDependencies
from pants.engine.target import ExplicitlyProvidedDependenciesRequest as ExplicitlyProvidedDependenciesRequest
from pants.engine.target import HydrateSourcesRequest as HydrateSourcesRequest
from pants.engine.target import HydratedSources as HydratedSources
from pants.util.logging import LogLevel as LogLevel
from pants.engine.target import RegisteredTargetTypes as RegisteredTargetTypes
from pants.engine.target import TargetTypesToGenerateTargetsRequests as TargetTypesToGenerateTargetsRequests
from pants.engine.target import Targets as Targets
from pants.engine.target import TransitiveTargets as TransitiveTargets
from pants.engine.target import TransitiveTargetsRequest as TransitiveTargetsRequest
from pants.engine.target import UnexpandedTargets as UnexpandedTargets
from pants.engine.unions import UnionMembership as UnionMembership
from pants.option.bootstrap_options import UnmatchedBuildFileGlobs as UnmatchedBuildFileGlobs
from pants.engine.addresses import UnparsedAddressInputs as UnparsedAddressInputs
from pants.engine.rules import rule as rule
@rule(_masked_types=[EnvironmentName])
async def resolve_unexpanded_targets(addresses: Addresses) -> UnexpandedTargets:
    ...
@rule(_masked_types=[EnvironmentName])
async def resolve_targets(targets: UnexpandedTargets, target_types_to_generate_requests: TargetTypesToGenerateTargetsRequests, local_environment_name: ChosenLocalEnvironmentName) -> Targets:
    ...
class SubprojectRoots(Collection[str]):
    ...
@rule(desc='Resolve addresses')
async def resolve_unparsed_address_inputs(request: UnparsedAddressInputs, subproject_roots: SubprojectRoots) -> Addresses:
    ...
@rule(desc='Resolve transitive targets', level=LogLevel.DEBUG, _masked_types=[EnvironmentName])
async def transitive_targets(request: TransitiveTargetsRequest, local_environment_name: ChosenLocalEnvironmentName, union_membership: UnionMembership) -> TransitiveTargets:
    ...
@rule(desc='Hydrate the `sources` field')
async def hydrate_sources(request: HydrateSourcesRequest, unmatched_build_file_globs: UnmatchedBuildFileGlobs, union_membership: UnionMembership, env_name: EnvironmentName) -> HydratedSources:
    ...
@rule
async def determine_explicitly_provided_dependencies(request: ExplicitlyProvidedDependenciesRequest, union_membership: UnionMembership, registered_target_types: RegisteredTargetTypes, subproject_roots: SubprojectRoots) -> ExplicitlyProvidedDependencies:
    ...
