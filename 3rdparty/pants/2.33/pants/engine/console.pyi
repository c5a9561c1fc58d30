# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.engine.internals.scheduler import SchedulerSession as SchedulerSession
from pants.engine.engine_aware import SideEffecting as SideEffecting
from typing import TextIO as TextIO
class Console(SideEffecting):

    def __init__(self, stdin: TextIO | None=..., stdout: TextIO | None=..., stderr: TextIO | None=..., use_colors: bool=..., session: SchedulerSession | None=...):
        ...

    @property
    def stdin(self) -> TextIO:
        ...

    @property
    def stdout(self) -> TextIO:
        ...

    @property
    def stderr(self) -> TextIO:
        ...

    def print_stdout(self, payload: str, end: str=...) -> None:
        ...
