# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from abc import ABCMeta as ABCMeta
from typing import Any as Any
from collections.abc import Callable as Callable
from typing import ClassVar as ClassVar
from pants.core.environments.target_types import EnvironmentTarget as EnvironmentTarget
from pants.engine.env_vars import EnvironmentVars as EnvironmentVars
from collections.abc import Iterable as Iterable
from pants.option.option_value_container import OptionValueContainer as OptionValueContainer
from pants.engine.rules import Rule as Rule
from collections.abc import Sequence as Sequence
from pants.engine.unions import distinct_union_type_per_subclass as distinct_union_type_per_subclass
class _SubsystemMeta(ABCMeta):

    def __init__(self, name, bases, namespace, **k):
        ...
class Subsystem(metaclass=_SubsystemMeta):
    __subsystem__: ClassVar[bool]
    options_scope: str
    help: ClassVar[str | Callable[[], str]]
    deprecated_options_scope: str | None = ...
    deprecated_options_scope_removal_version: str | None = ...
    _scope_name_re: ClassVar[Any]
    _rules: ClassVar[Sequence[Rule] | None] = ...

    class EnvironmentAware(metaclass=ABCMeta):
        subsystem: ClassVar[type[Subsystem]]
        env_vars_used_by_options: ClassVar[tuple[str, ...]] = ...
        options: OptionValueContainer
        env_tgt: EnvironmentTarget
        _options_env: EnvironmentVars = ...

        def __getattribute__(self, __name: str) -> Any:
            ...

    @classmethod
    def rules(cls: Any) -> Iterable[Rule]:
        ...

    @distinct_union_type_per_subclass
    class PluginOption:
        ...

    def __init__(self, options: OptionValueContainer) -> None:
        ...

    def __eq__(self, other: Any) -> bool:
        ...
