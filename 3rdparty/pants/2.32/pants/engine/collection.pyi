# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from typing import Any as Any
from typing import ClassVar as ClassVar
from pants.util.ordered_set import FrozenOrderedSet as FrozenOrderedSet
from collections.abc import Iterable as Iterable
from typing import TypeVar as TypeVar
from typing import overload as overload
T = TypeVar('T')
class Collection(tuple[T, ...]):

    @overload
    def __getitem__(self, index: int) -> T:
        ...

    @overload
    def __getitem__(self, index: slice) -> Collection[T]:
        ...

    def __eq__(self, other: Any) -> bool:
        ...

    def __ne__(self, other: Any) -> bool:
        ...

    def __hash__(self):
        ...

    def __repr__(self) -> str:
        ...
class DeduplicatedCollection(FrozenOrderedSet[T]):
    sort_input: ClassVar[bool] = ...

    def __init__(self, iterable: Iterable[T]=...) -> None:
        ...

    def __repr__(self) -> str:
        ...
