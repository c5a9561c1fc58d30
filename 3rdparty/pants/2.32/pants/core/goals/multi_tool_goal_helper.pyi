# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from typing import Protocol as Protocol
from pants.option.option_types import SkipOption as SkipOption
class SkippableSubsystem(Protocol):
    options_scope: str
    skip: SkipOption
