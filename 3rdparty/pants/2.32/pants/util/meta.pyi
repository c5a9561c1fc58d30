# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from typing import Any as Any
from collections.abc import Callable as Callable
from typing import TypeVar as TypeVar
T = TypeVar('T')
C = TypeVar('C', bound=type[Any])
class SingletonMetaclass(type):

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        ...
def runtime_ignore_subscripts(cls: C) -> C:
    ...
def classproperty(func: Callable[..., T]) -> T:
    ...
