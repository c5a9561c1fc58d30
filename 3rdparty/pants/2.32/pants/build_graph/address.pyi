# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.engine.internals.native_engine import Address as Address
from pants.engine.internals.native_engine import AddressInput as AddressInput
from pants.base.exceptions import MappingError as MappingError
from dataclasses import dataclass as dataclass
class ResolveError(MappingError):
    ...
@dataclass(frozen=True)
class MaybeAddress:
    val: Address | ResolveError
