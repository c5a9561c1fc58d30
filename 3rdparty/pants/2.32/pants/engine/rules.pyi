# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from typing import Any as Any
from collections.abc import Callable as Callable
from collections.abc import Coroutine as Coroutine
from collections.abc import Iterable as Iterable
from pants.util.logging import LogLevel as LogLevel
from collections.abc import Mapping as Mapping
from types import ModuleType as ModuleType
from typing import NotRequired as NotRequired
from typing_extensions import ParamSpec as ParamSpec
from typing import Protocol as Protocol
from typing import TypeVar as TypeVar
from typing import TypedDict as TypedDict
from typing import Unpack as Unpack
from pants.engine.internals.selectors import concurrently as concurrently
from typing import overload as overload
def implicitly(*args) -> dict[str, Any]:
    ...
P = ParamSpec('P')
R = TypeVar('R')
SyncRuleT = Callable[P, R]
AsyncRuleT = Callable[P, Coroutine[Any, Any, R]]
class RuleDecoratorKwargs(TypedDict):
    canonical_name: NotRequired[str]
    canonical_name_suffix: NotRequired[str]
    desc: NotRequired[str]
    level: NotRequired[LogLevel]
    polymorphic: NotRequired[bool]
    _masked_types: NotRequired[Iterable[type[Any]]]
    _param_type_overrides: NotRequired[dict[str, type[Any]]]
F = TypeVar('F', bound=Callable[..., Any | Coroutine[Any, Any, Any]])
@overload
def rule(**kwargs: Unpack[RuleDecoratorKwargs]) -> Callable[[F], F]:
    ...
@overload
def rule(_func: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    ...
@overload
def rule(_func: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    ...
@overload
def goal_rule(func: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    ...
@overload
def goal_rule(func: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    ...
@overload
def goal_rule(*args, func: None=..., **kwargs: Any) -> Callable[[SyncRuleT | AsyncRuleT], AsyncRuleT]:
    ...
class Rule(Protocol):
    ...
def collect_rules(*namespaces: ModuleType | Mapping[str, Any]) -> Iterable[Rule]:
    ...
