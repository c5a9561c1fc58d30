# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from typing import Any as Any
from collections.abc import Callable as Callable
from pants.util.meta import T as T
from typing import TypeVar as TypeVar
FuncType = Callable[..., Any]
F = TypeVar('F', bound=FuncType)
def equal_args(*args, **kwargs):
    ...
def per_instance(*args, **kwargs):
    ...
def memoized(func: F | None=..., key_factory=..., cache_factory=...) -> F:
    ...
def memoized_property(func: Callable[..., T] | None=..., key_factory=..., cache_factory=...) -> T:
    ...
def memoized_classproperty(func: Callable[..., T] | None=..., key_factory=..., cache_factory=...) -> T:
    ...
