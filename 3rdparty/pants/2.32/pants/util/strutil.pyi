# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from collections.abc import Callable as Callable
import dataclasses
@dataclasses.dataclass(frozen=True)
class Simplifier:
    strip_chroot_path: bool = ...
    strip_formatting: bool = ...
def help_text(val: str | Callable[[], str]) -> str | Callable[[], str]:
    ...
