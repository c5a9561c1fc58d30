# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.engine.target import RegisteredTargetTypes as RegisteredTargetTypes
from pants.base.specs import Specs as Specs
from pants.engine.target import TargetRootsToFieldSets as TargetRootsToFieldSets
from pants.engine.target import TargetRootsToFieldSetsRequest as TargetRootsToFieldSetsRequest
from pants.engine.unions import UnionMembership as UnionMembership
from pants.engine.rules import rule as rule
@rule
async def find_valid_field_sets_for_target_roots(request: TargetRootsToFieldSetsRequest, specs: Specs, union_membership: UnionMembership, registered_target_types: RegisteredTargetTypes) -> TargetRootsToFieldSets:
    ...
