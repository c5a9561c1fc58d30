# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from packaging.requirements import Requirement as Requirement
class PipRequirement:

    @classmethod
    def parse(cls, line: str, description_of_origin: str=...) -> PipRequirement:
        ...

    def __init__(self, req: Requirement):
        ...

    @property
    def name(self) -> str:
        ...

    def __hash__(self):
        ...

    def __eq__(self, other):
        ...

    def __repr__(self) -> str:
        ...

    def __str__(self):
        ...
