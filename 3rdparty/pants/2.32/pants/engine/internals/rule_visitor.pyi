# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.engine.internals.selectors import AwaitableConstraints as AwaitableConstraints
from collections.abc import Callable as Callable
from pants.util.memo import memoized as memoized
@memoized
def collect_awaitables(func: Callable) -> list[AwaitableConstraints]:
    ...
