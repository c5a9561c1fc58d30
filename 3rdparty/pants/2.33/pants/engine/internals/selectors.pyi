# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from typing import Any as Any
from pants.engine.internals.native_engine import Call as Call
from collections.abc import Coroutine as Coroutine
from collections.abc import Iterable as Iterable
from typing import TypeVar as TypeVar
from pants.engine.internals.native_engine import _Concurrently as _Concurrently
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
def Concurrently(__gets: Iterable[Coroutine[Any, Any, _Output] | Call[_Output] | _Concurrently[_Output]]) -> _Concurrently[tuple[_Output, ...]]:
    ...
@overload
def Concurrently(__get0: Coroutine[Any, Any, _Output] | Call[_Output] | _Concurrently[_Output], __get1: Coroutine[Any, Any, _Output] | Call[_Output] | _Concurrently[_Output], __get2: Coroutine[Any, Any, _Output] | Call[_Output] | _Concurrently[_Output], __get3: Coroutine[Any, Any, _Output] | Call[_Output] | _Concurrently[_Output], __get4: Coroutine[Any, Any, _Output] | Call[_Output] | _Concurrently[_Output], __get5: Coroutine[Any, Any, _Output] | Call[_Output] | _Concurrently[_Output], __get6: Coroutine[Any, Any, _Output] | Call[_Output] | _Concurrently[_Output], __get7: Coroutine[Any, Any, _Output] | Call[_Output] | _Concurrently[_Output], __get8: Coroutine[Any, Any, _Output] | Call[_Output] | _Concurrently[_Output], __get9: Coroutine[Any, Any, _Output] | Call[_Output] | _Concurrently[_Output], __get10: Coroutine[Any, Any, _Output] | Call[_Output] | _Concurrently[_Output], *__gets: Coroutine[Any, Any, _Output] | Call[_Output] | _Concurrently[_Output]) -> _Concurrently[tuple[_Output, ...]]:
    ...
@overload
def Concurrently(__get0: Coroutine[Any, Any, _Out0] | Call[_Out0] | _Concurrently[_Out0], __get1: Coroutine[Any, Any, _Out1] | Call[_Out1] | _Concurrently[_Out1], __get2: Coroutine[Any, Any, _Out2] | Call[_Out2] | _Concurrently[_Out2], __get3: Coroutine[Any, Any, _Out3] | Call[_Out3] | _Concurrently[_Out3], __get4: Coroutine[Any, Any, _Out4] | Call[_Out4] | _Concurrently[_Out4], __get5: Coroutine[Any, Any, _Out5] | Call[_Out5] | _Concurrently[_Out5], __get6: Coroutine[Any, Any, _Out6] | Call[_Out6] | _Concurrently[_Out6], __get7: Coroutine[Any, Any, _Out7] | Call[_Out7] | _Concurrently[_Out7], __get8: Coroutine[Any, Any, _Out8] | Call[_Out8] | _Concurrently[_Out8], __get9: Coroutine[Any, Any, _Out9] | Call[_Out9] | _Concurrently[_Out9]) -> _Concurrently[tuple[_Out0, _Out1, _Out2, _Out3, _Out4, _Out5, _Out6, _Out7, _Out8, _Out9]]:
    ...
@overload
def Concurrently(__get0: Coroutine[Any, Any, _Out0] | Call[_Out0] | _Concurrently[_Out0], __get1: Coroutine[Any, Any, _Out1] | Call[_Out1] | _Concurrently[_Out1], __get2: Coroutine[Any, Any, _Out2] | Call[_Out2] | _Concurrently[_Out2], __get3: Coroutine[Any, Any, _Out3] | Call[_Out3] | _Concurrently[_Out3], __get4: Coroutine[Any, Any, _Out4] | Call[_Out4] | _Concurrently[_Out4], __get5: Coroutine[Any, Any, _Out5] | Call[_Out5] | _Concurrently[_Out5], __get6: Coroutine[Any, Any, _Out6] | Call[_Out6] | _Concurrently[_Out6], __get7: Coroutine[Any, Any, _Out7] | Call[_Out7] | _Concurrently[_Out7], __get8: Coroutine[Any, Any, _Out8] | Call[_Out8] | _Concurrently[_Out8]) -> _Concurrently[tuple[_Out0, _Out1, _Out2, _Out3, _Out4, _Out5, _Out6, _Out7, _Out8]]:
    ...
@overload
def Concurrently(__get0: Coroutine[Any, Any, _Out0] | Call[_Out0] | _Concurrently[_Out0], __get1: Coroutine[Any, Any, _Out1] | Call[_Out1] | _Concurrently[_Out1], __get2: Coroutine[Any, Any, _Out2] | Call[_Out2] | _Concurrently[_Out2], __get3: Coroutine[Any, Any, _Out3] | Call[_Out3] | _Concurrently[_Out3], __get4: Coroutine[Any, Any, _Out4] | Call[_Out4] | _Concurrently[_Out4], __get5: Coroutine[Any, Any, _Out5] | Call[_Out5] | _Concurrently[_Out5], __get6: Coroutine[Any, Any, _Out6] | Call[_Out6] | _Concurrently[_Out6], __get7: Coroutine[Any, Any, _Out7] | Call[_Out7] | _Concurrently[_Out7]) -> _Concurrently[tuple[_Out0, _Out1, _Out2, _Out3, _Out4, _Out5, _Out6, _Out7]]:
    ...
@overload
def Concurrently(__get0: Coroutine[Any, Any, _Out0] | Call[_Out0] | _Concurrently[_Out0], __get1: Coroutine[Any, Any, _Out1] | Call[_Out1] | _Concurrently[_Out1], __get2: Coroutine[Any, Any, _Out2] | Call[_Out2] | _Concurrently[_Out2], __get3: Coroutine[Any, Any, _Out3] | Call[_Out3] | _Concurrently[_Out3], __get4: Coroutine[Any, Any, _Out4] | Call[_Out4] | _Concurrently[_Out4], __get5: Coroutine[Any, Any, _Out5] | Call[_Out5] | _Concurrently[_Out5], __get6: Coroutine[Any, Any, _Out6] | Call[_Out6] | _Concurrently[_Out6]) -> _Concurrently[tuple[_Out0, _Out1, _Out2, _Out3, _Out4, _Out5, _Out6]]:
    ...
@overload
def Concurrently(__get0: Coroutine[Any, Any, _Out0] | Call[_Out0] | _Concurrently[_Out0], __get1: Coroutine[Any, Any, _Out1] | Call[_Out1] | _Concurrently[_Out1], __get2: Coroutine[Any, Any, _Out2] | Call[_Out2] | _Concurrently[_Out2], __get3: Coroutine[Any, Any, _Out3] | Call[_Out3] | _Concurrently[_Out3], __get4: Coroutine[Any, Any, _Out4] | Call[_Out4] | _Concurrently[_Out4], __get5: Coroutine[Any, Any, _Out5] | Call[_Out5] | _Concurrently[_Out5]) -> _Concurrently[tuple[_Out0, _Out1, _Out2, _Out3, _Out4, _Out5]]:
    ...
@overload
def Concurrently(__get0: Coroutine[Any, Any, _Out0] | Call[_Out0] | _Concurrently[_Out0], __get1: Coroutine[Any, Any, _Out1] | Call[_Out1] | _Concurrently[_Out1], __get2: Coroutine[Any, Any, _Out2] | Call[_Out2] | _Concurrently[_Out2], __get3: Coroutine[Any, Any, _Out3] | Call[_Out3] | _Concurrently[_Out3], __get4: Coroutine[Any, Any, _Out4] | Call[_Out4] | _Concurrently[_Out4]) -> _Concurrently[tuple[_Out0, _Out1, _Out2, _Out3, _Out4]]:
    ...
@overload
def Concurrently(__get0: Coroutine[Any, Any, _Out0] | Call[_Out0] | _Concurrently[_Out0], __get1: Coroutine[Any, Any, _Out1] | Call[_Out1] | _Concurrently[_Out1], __get2: Coroutine[Any, Any, _Out2] | Call[_Out2] | _Concurrently[_Out2], __get3: Coroutine[Any, Any, _Out3] | Call[_Out3] | _Concurrently[_Out3]) -> _Concurrently[tuple[_Out0, _Out1, _Out2, _Out3]]:
    ...
@overload
def Concurrently(__get0: Coroutine[Any, Any, _Out0] | Call[_Out0] | _Concurrently[_Out0], __get1: Coroutine[Any, Any, _Out1] | Call[_Out1] | _Concurrently[_Out1], __get2: Coroutine[Any, Any, _Out2] | Call[_Out2] | _Concurrently[_Out2]) -> _Concurrently[tuple[_Out0, _Out1, _Out2]]:
    ...
@overload
def Concurrently(__get0: Coroutine[Any, Any, _Out0] | Call[_Out0] | _Concurrently[_Out0], __get1: Coroutine[Any, Any, _Out1] | Call[_Out1] | _Concurrently[_Out1]) -> _Concurrently[tuple[_Out0, _Out1]]:
    ...
concurrently = Concurrently
