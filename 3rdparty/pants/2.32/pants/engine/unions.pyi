# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from collections.abc import Callable as Callable
from typing import TypeVar as TypeVar
from pants.engine.internals.native_engine import UnionMembership as UnionMembership
from pants.engine.internals.native_engine import UnionRule as UnionRule
from typing import overload as overload
_T = TypeVar('_T', bound=type)
@overload
def union(cls: _T, *, in_scope_types: None=...) -> _T:
    ...
@overload
def union(cls: None=..., *, in_scope_types: list[type]) -> Callable[[_T], _T]:
    ...
@overload
def distinct_union_type_per_subclass(cls: _T, *, in_scope_types: None=...) -> _T:
    ...
@overload
def distinct_union_type_per_subclass(cls: None=..., *, in_scope_types: list[type]) -> Callable[[_T], _T]:
    ...
