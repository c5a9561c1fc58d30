# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.engine.internals.native_engine import FilespecMatcher as FilespecMatcher
from typing_extensions import TypedDict as TypedDict
class _IncludesDict(TypedDict, total=True):
    includes: list[str]
class Filespec(_IncludesDict, total=False):
    excludes: list[str]
