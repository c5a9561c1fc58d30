# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.engine.addresses import Address as Address
from pants.util.frozendict import FrozenDict as FrozenDict
from pants.engine.target import Target as Target
from dataclasses import dataclass as dataclass
import enum
from pants.engine.rules import rule as rule
from functools import total_ordering as total_ordering
ResolveName = str
@total_ordering
class ModuleProviderType(enum.Enum):
    TYPE_STUB = ...
    IMPL = ...

    def __lt__(self, other) -> bool:
        ...
@dataclass(frozen=True, order=True)
class ModuleProvider:
    addr: Address
    typ: ModuleProviderType
@dataclass(frozen=True)
class AllPythonTargets:
    first_party: tuple[Target, ...]
    third_party: tuple[Target, ...]
@dataclass(frozen=True)
class FirstPartyPythonModuleMapping:
    resolves_to_modules_to_providers: FrozenDict[ResolveName, FrozenDict[str, tuple[ModuleProvider, ...]]]
@dataclass(frozen=True)
class ThirdPartyPythonModuleMapping:
    resolves_to_modules_to_providers: FrozenDict[ResolveName, FrozenDict[str, tuple[ModuleProvider, ...]]]
@dataclass(frozen=True)
class PythonModuleOwners:
    unambiguous: tuple[Address, ...]
    ambiguous: tuple[Address, ...] = ...

    def __post_init__(self) -> None:
        ...
@dataclass(frozen=True)
class PythonModuleOwnersRequest:
    module: str
    resolve: str | None
    locality: str | None = ...
@rule
async def map_module_to_address(request: PythonModuleOwnersRequest, first_party_mapping: FirstPartyPythonModuleMapping, third_party_mapping: ThirdPartyPythonModuleMapping) -> PythonModuleOwners:
    ...
