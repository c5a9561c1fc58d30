"""`pants run`: a package started on this machine."""

from __future__ import annotations

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.core.goals.run import RunRequest
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

from pants_modelkiln.api import find_python
from pants_modelkiln.formats.pex import pex_file
from pants_modelkiln.inputs import ModelPackageFieldSet, package_inputs


@rule(desc="Prepare to run a packaged model", level=LogLevel.DEBUG)
async def run_model(field_set: ModelPackageFieldSet) -> RunRequest:
    # As a PEX, also where the package is rendered as an image alone: it is made of the same
    # files, has the same package digest, and needs nothing of the host but Python.
    inputs = await package_inputs(field_set)
    built = await pex_file(inputs, "package.pex")
    python = await find_python(InterpreterConstraints([f"CPython=={inputs.target.python}.*"]))
    return RunRequest(digest=built.digest, args=(python.path, "{chroot}/package.pex"))


def rules():
    return collect_rules()
