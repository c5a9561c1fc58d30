# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.build_graph.address import Address as Address
from pants.engine.collection import Collection as Collection
from collections.abc import Iterable as Iterable
from dataclasses import dataclass as dataclass
class Addresses(Collection[Address]):

    def expect_single(self) -> Address:
        ...
@dataclass(frozen=True)
class UnparsedAddressInputs:
    values: tuple[str, ...]
    relative_to: str | None
    description_of_origin: str
    skip_invalid_addresses: bool

    def __init__(self, values: Iterable[str], *, owning_address: Address | None, description_of_origin: str, skip_invalid_addresses: bool=...) -> None:
        ...
