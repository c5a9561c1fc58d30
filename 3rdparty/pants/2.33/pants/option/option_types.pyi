# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from typing import Any as Any
from collections.abc import Callable as Callable
from typing import Generic as Generic
from typing import TypeVar as TypeVar
from typing import Union as Union
from dataclasses import dataclass as dataclass
from typing import overload as overload
@dataclass(frozen=True, order=True)
class OptionInfo:
    args: tuple[str, ...]
    kwargs: dict[str, Any]
_OptT = TypeVar('_OptT')
_DefaultT = TypeVar('_DefaultT')
_SubsystemType = Any
_DynamicDefaultT = Callable[[_SubsystemType], Any]
_MaybeDynamicT = Union[_DynamicDefaultT, _DefaultT]
_HelpT = _MaybeDynamicT[str]
_RegisterIfFuncT = Callable[[_SubsystemType], Any]
class _OptionBase(Generic[_OptT, _DefaultT]):
    _flag_names: tuple[str, ...] | None
    _default: _MaybeDynamicT[_DefaultT]
    _help: _HelpT
    _register_if: _RegisterIfFuncT
    _extra_kwargs: dict[str, Any]

    def __new__(cls, flag_name: str | None=..., *, default: _MaybeDynamicT[_DefaultT], help: _HelpT, register_if: _RegisterIfFuncT | None=..., advanced: bool | None=..., default_help_repr: str | None=..., fromfile: bool | None=..., metavar: str | None=..., mutually_exclusive_group: str | None=..., removal_version: str | None=..., removal_hint: _HelpT | None=..., deprecation_start_version: str | None=..., daemon: bool | None=..., fingerprint: bool | None=...):
        ...

    def __set_name__(self, owner, name) -> None:
        ...

    @overload
    def __get__(self, obj: None, objtype: Any) -> OptionInfo | None:
        ...

    @overload
    def __get__(self, obj: object, objtype: Any) -> _OptT | _DefaultT:
        ...
_ListMemberT = TypeVar('_ListMemberT')
class _ListOptionBase(_OptionBase['tuple[_ListMemberT, ...]', 'tuple[_ListMemberT, ...]'], Generic[_ListMemberT]):
    option_type = list

    def __new__(cls, flag_name: str | None=..., *, default: _MaybeDynamicT[list[_ListMemberT]] | None=..., help: _HelpT, register_if: _RegisterIfFuncT | None=..., advanced: bool | None=..., default_help_repr: str | None=..., fromfile: bool | None=..., metavar: str | None=..., mutually_exclusive_group: str | None=..., removal_version: str | None=..., removal_hint: _HelpT | None=..., deprecation_start_version: str | None=..., daemon: bool | None=..., fingerprint: bool | None=...):
        ...
_StrDefault = TypeVar('_StrDefault', str, None)
class StrOption(_OptionBase[str, _StrDefault]):
    option_type: Any = ...
class StrListOption(_ListOptionBase[str]):
    member_type: Any = ...
class ShellStrListOption(StrListOption):
    member_type: Any = ...
_IntDefault = TypeVar('_IntDefault', int, None)
class IntOption(_OptionBase[int, _IntDefault]):
    option_type: Any = ...
_BoolDefault = TypeVar('_BoolDefault', bool, None)
class BoolOption(_OptionBase[bool, _BoolDefault]):
    option_type: Any = ...
_ValueT = TypeVar('_ValueT')
class DictOption(_OptionBase['dict[str, _ValueT]', 'dict[str, _ValueT]'], Generic[_ValueT]):
    option_type: Any = ...

    def __new__(cls, flag_name: str | None=..., *, default: _MaybeDynamicT[dict[str, _ValueT]]=..., help, register_if: _RegisterIfFuncT | None=..., advanced: bool | None=..., default_help_repr: str | None=..., fromfile: bool | None=..., metavar: str | None=..., mutually_exclusive_group: str | None=..., removal_version: str | None=..., removal_hint: _HelpT | None=..., deprecation_start_version: str | None=..., daemon: bool | None=..., fingerprint: bool | None=...):
        ...
class SkipOption(BoolOption[bool]):

    def __new__(cls, goal: str, *other_goals: str):
        ...
class ArgsListOption(ShellStrListOption):

    def __new__(cls, *, example: str, extra_help: str=..., tool_name: str | None=..., passthrough: bool | None=..., default: _MaybeDynamicT[list[_ListMemberT]] | None=...):
        ...
