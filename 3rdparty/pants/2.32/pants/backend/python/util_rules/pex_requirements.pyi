# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.build_graph.address import Address as Address
from pants.util.ordered_set import FrozenOrderedSet as FrozenOrderedSet
from collections.abc import Iterable as Iterable
from pants.backend.python.util_rules.pex import Pex as Pex
from pants.backend.python.subsystems.setup import PythonSetup as PythonSetup
from dataclasses import dataclass as dataclass
from pants.engine.rules import rule as rule
@dataclass(frozen=True)
class Resolve:
    name: str
    use_entire_lockfile: bool
@dataclass(frozen=True)
class Lockfile:
    url: str
    url_description_of_origin: str
    resolve_name: str
    lockfile_hex_digest: str | None = ...
@rule
async def get_lockfile_for_resolve(resolve: Resolve, python_setup: PythonSetup) -> Lockfile:
    ...
@dataclass(frozen=True)
class EntireLockfile:
    lockfile: Lockfile
    complete_req_strings: tuple[str, ...] | None = ...
@dataclass(frozen=True)
class PexRequirements:
    req_strings_or_addrs: FrozenOrderedSet[str | Address]
    constraints_strings: FrozenOrderedSet[str]
    from_superset: Pex | Resolve | None
    description_of_origin: str

    def __init__(self, req_strings_or_addrs: Iterable[str | Address]=..., *, constraints_strings: Iterable[str]=..., from_superset: Pex | Resolve | None=..., description_of_origin: str=...) -> None:
        ...

    def __bool__(self) -> bool:
        ...
