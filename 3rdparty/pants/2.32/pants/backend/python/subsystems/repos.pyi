# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.option.subsystem import Subsystem as Subsystem
class PythonRepos(Subsystem):
    options_scope: ClassVar[str]
    help: ClassVar[Any]
    pypi_index: ClassVar[str]
    _find_links: ClassVar[Any]
    _repos: ClassVar[Any]
    indexes: ClassVar[Any]
    path_mappings: ClassVar[Any]

    @property
    def find_links(self) -> tuple[str, ...]:
        ...
