# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from typing import Any as Any
from collections.abc import Iterable as Iterable
from collections.abc import Iterator as Iterator
from collections.abc import Mapping as Mapping
from typing import TypeVar as TypeVar
from typing import overload as overload
K = TypeVar('K')
V = TypeVar('V')
class FrozenDict(Mapping[K, V]):

    @overload
    def __init__(self, __items: Iterable[tuple[K, V]], **kwargs: V) -> None:
        ...

    @overload
    def __init__(self, __other: Mapping[K, V], **kwargs: V) -> None:
        ...

    @overload
    def __init__(self, **kwargs: V) -> None:
        ...

    @staticmethod
    def frozen(to_freeze: Mapping[K, V]) -> FrozenDict[K, V]:
        ...

    def __getitem__(self, k: K) -> V:
        ...

    def __len__(self) -> int:
        ...

    def __iter__(self) -> Iterator[K]:
        ...

    def __reversed__(self) -> Iterator[K]:
        ...

    def __eq__(self, other: Any) -> Any:
        ...

    def __lt__(self, other: Any) -> bool:
        ...

    def __or__(self, other: Any) -> FrozenDict[K, V]:
        ...

    def __ror__(self, other: Any) -> FrozenDict[K, V]:
        ...

    def __hash__(self) -> int:
        ...

    def __repr__(self) -> str:
        ...
