# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pathlib import Path as Path
from dataclasses import dataclass as dataclass
@dataclass(frozen=True)
class DistDir:
    relpath: Path
