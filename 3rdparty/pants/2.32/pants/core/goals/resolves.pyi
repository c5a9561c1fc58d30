# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from enum import Enum as Enum
from pants.engine.unions import union as union
class ExportMode(Enum):
    resolve = ...
    binary = ...
@union
class ExportableTool:
    options_scope: str
    export_mode: ExportMode = ...
