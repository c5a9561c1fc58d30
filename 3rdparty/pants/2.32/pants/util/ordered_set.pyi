# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from typing import AbstractSet as AbstractSet
from typing import Any as Any
from collections.abc import Hashable as Hashable
from collections.abc import Iterable as Iterable
from collections.abc import Iterator as Iterator
from typing import TypeVar as TypeVar
T = TypeVar('T')
T_co = TypeVar('T_co', covariant=True)
_TAbstractOrderedSet = TypeVar('_TAbstractOrderedSet', bound='_AbstractOrderedSet')
class _AbstractOrderedSet(AbstractSet[T]):

    def __init__(self, iterable: Iterable[T] | None=...) -> None:
        ...

    def __len__(self) -> int:
        ...

    def __copy__(self: _TAbstractOrderedSet) -> _TAbstractOrderedSet:
        ...

    def __contains__(self, key: Any) -> bool:
        ...

    def __iter__(self) -> Iterator[T]:
        ...

    def __reversed__(self) -> Iterator[T]:
        ...

    def __repr__(self) -> str:
        ...

    def __eq__(self, other: Any) -> bool:
        ...

    def __or__(self: _TAbstractOrderedSet, other: Iterable[T]) -> _TAbstractOrderedSet:
        ...

    def union(self: _TAbstractOrderedSet, *others: Iterable[T]) -> _TAbstractOrderedSet:
        ...

    def __and__(self: _TAbstractOrderedSet, other: Iterable[T]) -> _TAbstractOrderedSet:
        ...

    def intersection(self: _TAbstractOrderedSet, *others: Iterable[T]) -> _TAbstractOrderedSet:
        ...

    def __xor__(self: _TAbstractOrderedSet, other: Iterable[T]) -> _TAbstractOrderedSet:
        ...
class FrozenOrderedSet(_AbstractOrderedSet[T_co], Hashable):

    def __init__(self, iterable: Iterable[T_co] | None=...) -> None:
        ...

    def __hash__(self) -> int:
        ...
