# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.build_graph.address import Address as Address
from pants.build_graph.address import MaybeAddress as MaybeAddress
from pants.engine.rules import rule as rule
@rule
async def resolve_address(maybe_address: MaybeAddress) -> Address:
    ...
