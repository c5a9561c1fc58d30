# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from typing import Any as Any
from collections.abc import Coroutine as Coroutine
from collections.abc import Generator as Generator
from typing import Generic as Generic
from collections.abc import Iterable as Iterable
from pants.engine.internals.native_engine import PyGeneratorResponseGet as PyGeneratorResponseGet
from typing import TypeVar as TypeVar
from dataclasses import dataclass as dataclass
from typing import overload as overload
_Output = TypeVar('_Output')
@dataclass(frozen=True)
class AwaitableConstraints:
    rule_id: str | None
    output_type: type
    explicit_args_arity: int
    input_types: tuple[type, ...]
    is_effect: bool

    def __repr__(self) -> str:
        ...

    def __str__(self) -> str:
        ...
class _BasePyGeneratorResponseGet(PyGeneratorResponseGet[_Output]):
    ...
class Awaitable(Generic[_Output], _BasePyGeneratorResponseGet[_Output]):

    def __await__(self) -> Generator[Awaitable[_Output], None, _Output]:
        ...
class Effect(Generic[_Output], Awaitable[_Output]):
    ...
class Get(Generic[_Output], Awaitable[_Output]):
    ...
_Out0 = TypeVar('_Out0')
_Out1 = TypeVar('_Out1')
_Out2 = TypeVar('_Out2')
_Out3 = TypeVar('_Out3')
_Out4 = TypeVar('_Out4')
_Out5 = TypeVar('_Out5')
_Out6 = TypeVar('_Out6')
_Out7 = TypeVar('_Out7')
_Out8 = TypeVar('_Out8')
_Out9 = TypeVar('_Out9')
@overload
async def MultiGet(__gets: Iterable[Get[_Output] | Coroutine[Any, Any, _Output]]) -> tuple[_Output, ...]:
    ...
@overload
async def MultiGet(__get0: Get[_Output] | Coroutine[Any, Any, _Output], __get1: Get[_Output] | Coroutine[Any, Any, _Output], __get2: Get[_Output] | Coroutine[Any, Any, _Output], __get3: Get[_Output] | Coroutine[Any, Any, _Output], __get4: Get[_Output] | Coroutine[Any, Any, _Output], __get5: Get[_Output] | Coroutine[Any, Any, _Output], __get6: Get[_Output] | Coroutine[Any, Any, _Output], __get7: Get[_Output] | Coroutine[Any, Any, _Output], __get8: Get[_Output] | Coroutine[Any, Any, _Output], __get9: Get[_Output] | Coroutine[Any, Any, _Output], __get10: Get[_Output] | Coroutine[Any, Any, _Output], *__gets: Get[_Output] | Coroutine[Any, Any, _Output]) -> tuple[_Output, ...]:
    ...
@overload
async def MultiGet(__get0: Get[_Out0] | Coroutine[Any, Any, _Out0], __get1: Get[_Out1] | Coroutine[Any, Any, _Out1], __get2: Get[_Out2] | Coroutine[Any, Any, _Out2], __get3: Get[_Out3] | Coroutine[Any, Any, _Out3], __get4: Get[_Out4] | Coroutine[Any, Any, _Out4], __get5: Get[_Out5] | Coroutine[Any, Any, _Out5], __get6: Get[_Out6] | Coroutine[Any, Any, _Out6], __get7: Get[_Out7] | Coroutine[Any, Any, _Out7], __get8: Get[_Out8] | Coroutine[Any, Any, _Out8], __get9: Get[_Out9] | Coroutine[Any, Any, _Out9]) -> tuple[_Out0, _Out1, _Out2, _Out3, _Out4, _Out5, _Out6, _Out7, _Out8, _Out9]:
    ...
@overload
async def MultiGet(__get0: Get[_Out0] | Coroutine[Any, Any, _Out0], __get1: Get[_Out1] | Coroutine[Any, Any, _Out1], __get2: Get[_Out2] | Coroutine[Any, Any, _Out2], __get3: Get[_Out3] | Coroutine[Any, Any, _Out3], __get4: Get[_Out4] | Coroutine[Any, Any, _Out4], __get5: Get[_Out5] | Coroutine[Any, Any, _Out5], __get6: Get[_Out6] | Coroutine[Any, Any, _Out6], __get7: Get[_Out7] | Coroutine[Any, Any, _Out7], __get8: Get[_Out8] | Coroutine[Any, Any, _Out8]) -> tuple[_Out0, _Out1, _Out2, _Out3, _Out4, _Out5, _Out6, _Out7, _Out8]:
    ...
@overload
async def MultiGet(__get0: Get[_Out0] | Coroutine[Any, Any, _Out0], __get1: Get[_Out1] | Coroutine[Any, Any, _Out1], __get2: Get[_Out2] | Coroutine[Any, Any, _Out2], __get3: Get[_Out3] | Coroutine[Any, Any, _Out3], __get4: Get[_Out4] | Coroutine[Any, Any, _Out4], __get5: Get[_Out5] | Coroutine[Any, Any, _Out5], __get6: Get[_Out6] | Coroutine[Any, Any, _Out6], __get7: Get[_Out7] | Coroutine[Any, Any, _Out7]) -> tuple[_Out0, _Out1, _Out2, _Out3, _Out4, _Out5, _Out6, _Out7]:
    ...
@overload
async def MultiGet(__get0: Get[_Out0] | Coroutine[Any, Any, _Out0], __get1: Get[_Out1] | Coroutine[Any, Any, _Out1], __get2: Get[_Out2] | Coroutine[Any, Any, _Out2], __get3: Get[_Out3] | Coroutine[Any, Any, _Out3], __get4: Get[_Out4] | Coroutine[Any, Any, _Out4], __get5: Get[_Out5] | Coroutine[Any, Any, _Out5], __get6: Get[_Out6] | Coroutine[Any, Any, _Out6]) -> tuple[_Out0, _Out1, _Out2, _Out3, _Out4, _Out5, _Out6]:
    ...
@overload
async def MultiGet(__get0: Get[_Out0] | Coroutine[Any, Any, _Out0], __get1: Get[_Out1] | Coroutine[Any, Any, _Out1], __get2: Get[_Out2] | Coroutine[Any, Any, _Out2], __get3: Get[_Out3] | Coroutine[Any, Any, _Out3], __get4: Get[_Out4] | Coroutine[Any, Any, _Out4], __get5: Get[_Out5] | Coroutine[Any, Any, _Out5]) -> tuple[_Out0, _Out1, _Out2, _Out3, _Out4, _Out5]:
    ...
@overload
async def MultiGet(__get0: Get[_Out0] | Coroutine[Any, Any, _Out0], __get1: Get[_Out1] | Coroutine[Any, Any, _Out1], __get2: Get[_Out2] | Coroutine[Any, Any, _Out2], __get3: Get[_Out3] | Coroutine[Any, Any, _Out3], __get4: Get[_Out4] | Coroutine[Any, Any, _Out4]) -> tuple[_Out0, _Out1, _Out2, _Out3, _Out4]:
    ...
@overload
async def MultiGet(__get0: Get[_Out0] | Coroutine[Any, Any, _Out0], __get1: Get[_Out1] | Coroutine[Any, Any, _Out1], __get2: Get[_Out2] | Coroutine[Any, Any, _Out2], __get3: Get[_Out3] | Coroutine[Any, Any, _Out3]) -> tuple[_Out0, _Out1, _Out2, _Out3]:
    ...
@overload
async def MultiGet(__get0: Get[_Out0] | Coroutine[Any, Any, _Out0], __get1: Get[_Out1] | Coroutine[Any, Any, _Out1], __get2: Get[_Out2] | Coroutine[Any, Any, _Out2]) -> tuple[_Out0, _Out1, _Out2]:
    ...
@overload
async def MultiGet(__get0: Get[_Out0] | Coroutine[Any, Any, _Out0], __get1: Get[_Out1] | Coroutine[Any, Any, _Out1]) -> tuple[_Out0, _Out1]:
    ...
concurrently = MultiGet
