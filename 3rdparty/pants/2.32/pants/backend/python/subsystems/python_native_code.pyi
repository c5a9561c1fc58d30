# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.option.subsystem import Subsystem as Subsystem
class PythonNativeCodeSubsystem(Subsystem):
    options_scope: ClassVar[str]
    help: ClassVar[str]

    class EnvironmentAware(Subsystem.EnvironmentAware):
        env_vars_used_by_options: ClassVar[Any]
        _cpp_flags: ClassVar[Any]
        _ld_flags: ClassVar[Any]
