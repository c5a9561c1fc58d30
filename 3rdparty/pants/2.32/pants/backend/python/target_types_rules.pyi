# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.backend.python.target_types import ResolvePexEntryPointRequest as ResolvePexEntryPointRequest
from pants.backend.python.target_types import ResolvedPexEntryPoint as ResolvedPexEntryPoint
from pants.engine.rules import rule as rule
@rule(desc='Determining the entry point for a `pex_binary` target')
async def resolve_pex_entry_point(request: ResolvePexEntryPointRequest) -> ResolvedPexEntryPoint:
    ...
