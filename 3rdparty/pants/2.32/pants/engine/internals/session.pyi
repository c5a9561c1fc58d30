# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from typing import Any as Any
from pants.util.frozendict import FrozenDict as FrozenDict
from typing import TypeVar as TypeVar
_T = TypeVar('_T')
class RunId(int):
    ...
class SessionValues(FrozenDict[type, Any]):

    def __getitem__(self, item: type[_T]) -> _T:
        ...
