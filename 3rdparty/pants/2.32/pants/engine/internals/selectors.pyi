# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from typing import Any as Any
from collections.abc import Coroutine as Coroutine
from collections.abc import Iterable as Iterable
from typing import TypeVar as TypeVar
from dataclasses import dataclass as dataclass
from typing import overload as overload
_Output = TypeVar('_Output')
@dataclass(frozen=True)
class AwaitableConstraints:
    rule_id: str
    output_type: type
    explicit_args_arity: int
    input_types: tuple[type, ...]

    def __repr__(self) -> str:
        ...

    def __str__(self) -> str:
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
async def Concurrently(__gets: Iterable[Coroutine[Any, Any, _Output]]) -> tuple[_Output, ...]:
    ...
@overload
async def Concurrently(__get0: Coroutine[Any, Any, _Output], __get1: Coroutine[Any, Any, _Output], __get2: Coroutine[Any, Any, _Output], __get3: Coroutine[Any, Any, _Output], __get4: Coroutine[Any, Any, _Output], __get5: Coroutine[Any, Any, _Output], __get6: Coroutine[Any, Any, _Output], __get7: Coroutine[Any, Any, _Output], __get8: Coroutine[Any, Any, _Output], __get9: Coroutine[Any, Any, _Output], __get10: Coroutine[Any, Any, _Output], *__gets: Coroutine[Any, Any, _Output]) -> tuple[_Output, ...]:
    ...
@overload
async def Concurrently(__get0: Coroutine[Any, Any, _Out0], __get1: Coroutine[Any, Any, _Out1], __get2: Coroutine[Any, Any, _Out2], __get3: Coroutine[Any, Any, _Out3], __get4: Coroutine[Any, Any, _Out4], __get5: Coroutine[Any, Any, _Out5], __get6: Coroutine[Any, Any, _Out6], __get7: Coroutine[Any, Any, _Out7], __get8: Coroutine[Any, Any, _Out8], __get9: Coroutine[Any, Any, _Out9]) -> tuple[_Out0, _Out1, _Out2, _Out3, _Out4, _Out5, _Out6, _Out7, _Out8, _Out9]:
    ...
@overload
async def Concurrently(__get0: Coroutine[Any, Any, _Out0], __get1: Coroutine[Any, Any, _Out1], __get2: Coroutine[Any, Any, _Out2], __get3: Coroutine[Any, Any, _Out3], __get4: Coroutine[Any, Any, _Out4], __get5: Coroutine[Any, Any, _Out5], __get6: Coroutine[Any, Any, _Out6], __get7: Coroutine[Any, Any, _Out7], __get8: Coroutine[Any, Any, _Out8]) -> tuple[_Out0, _Out1, _Out2, _Out3, _Out4, _Out5, _Out6, _Out7, _Out8]:
    ...
@overload
async def Concurrently(__get0: Coroutine[Any, Any, _Out0], __get1: Coroutine[Any, Any, _Out1], __get2: Coroutine[Any, Any, _Out2], __get3: Coroutine[Any, Any, _Out3], __get4: Coroutine[Any, Any, _Out4], __get5: Coroutine[Any, Any, _Out5], __get6: Coroutine[Any, Any, _Out6], __get7: Coroutine[Any, Any, _Out7]) -> tuple[_Out0, _Out1, _Out2, _Out3, _Out4, _Out5, _Out6, _Out7]:
    ...
@overload
async def Concurrently(__get0: Coroutine[Any, Any, _Out0], __get1: Coroutine[Any, Any, _Out1], __get2: Coroutine[Any, Any, _Out2], __get3: Coroutine[Any, Any, _Out3], __get4: Coroutine[Any, Any, _Out4], __get5: Coroutine[Any, Any, _Out5], __get6: Coroutine[Any, Any, _Out6]) -> tuple[_Out0, _Out1, _Out2, _Out3, _Out4, _Out5, _Out6]:
    ...
@overload
async def Concurrently(__get0: Coroutine[Any, Any, _Out0], __get1: Coroutine[Any, Any, _Out1], __get2: Coroutine[Any, Any, _Out2], __get3: Coroutine[Any, Any, _Out3], __get4: Coroutine[Any, Any, _Out4], __get5: Coroutine[Any, Any, _Out5]) -> tuple[_Out0, _Out1, _Out2, _Out3, _Out4, _Out5]:
    ...
@overload
async def Concurrently(__get0: Coroutine[Any, Any, _Out0], __get1: Coroutine[Any, Any, _Out1], __get2: Coroutine[Any, Any, _Out2], __get3: Coroutine[Any, Any, _Out3], __get4: Coroutine[Any, Any, _Out4]) -> tuple[_Out0, _Out1, _Out2, _Out3, _Out4]:
    ...
@overload
async def Concurrently(__get0: Coroutine[Any, Any, _Out0], __get1: Coroutine[Any, Any, _Out1], __get2: Coroutine[Any, Any, _Out2], __get3: Coroutine[Any, Any, _Out3]) -> tuple[_Out0, _Out1, _Out2, _Out3]:
    ...
@overload
async def Concurrently(__get0: Coroutine[Any, Any, _Out0], __get1: Coroutine[Any, Any, _Out1], __get2: Coroutine[Any, Any, _Out2]) -> tuple[_Out0, _Out1, _Out2]:
    ...
@overload
async def Concurrently(__get0: Coroutine[Any, Any, _Out0], __get1: Coroutine[Any, Any, _Out1]) -> tuple[_Out0, _Out1]:
    ...
concurrently = Concurrently
