# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.util.meta import SingletonMetaclass as SingletonMetaclass
class BuildRoot(metaclass=SingletonMetaclass):
    sentinel_files: ClassVar[Any]

    class NotFoundError(Exception):
        ...

    def __init__(self) -> None:
        ...

    @property
    def path(self) -> str:
        ...

    @path.setter
    def path(self, root_dir: str) -> None:
        ...

    def __str__(self) -> str:
        ...
