# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from collections.abc import Iterator as Iterator
from pants.option.ranked_value import RankedValue as RankedValue
from pants.option.ranked_value import Value as Value
from dataclasses import dataclass as dataclass
Key = str
@dataclass(frozen=True)
class OptionValueContainer:
    _value_map: dict[Key, RankedValue]

    def get(self, key: Key, default: Value | None=...):
        ...

    def __getitem__(self, key: Key):
        ...

    def __getattr__(self, key: Key):
        ...

    def __contains__(self, key: Key):
        ...

    def __iter__(self) -> Iterator[Key]:
        ...
