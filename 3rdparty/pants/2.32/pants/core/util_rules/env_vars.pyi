# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.engine.env_vars import CompleteEnvironmentVars as CompleteEnvironmentVars
from pants.engine.env_vars import EnvironmentVars as EnvironmentVars
from pants.engine.env_vars import EnvironmentVarsRequest as EnvironmentVarsRequest
from pants.engine.rules import rule as rule
@rule
async def environment_vars_subset(request: EnvironmentVarsRequest, complete_env_vars: CompleteEnvironmentVars) -> EnvironmentVars:
    ...
