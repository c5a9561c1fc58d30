"""A linter for the structure of this repository: floors and rooms by import-linter, and sizes."""

from __future__ import annotations

from typing import Any

from pants.backend.python.target_types import ConsoleScript
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import PexRequest, VenvPexProcess
from pants.backend.python.util_rules.pex_requirements import EntireLockfile, Resolve
from pants.core.goals.lint import LintFilesRequest, LintResult
from pants.core.util_rules.partitions import Partitions
from pants.engine.fs import PathGlobs
from pants.engine.rules import collect_rules
from pants.option.subsystem import Subsystem
from pants.util.logging import LogLevel

from house.sizes import problems
from pants_modelkiln.compat.calls import (
    create_venv_pex,
    execute_process,
    get_digest_contents,
    get_lockfile_for_resolve,
    implicitly,
    path_globs_to_digest,
    rule,
)

_CONFIG = "pyproject.toml"  # Its table [tool.importlinter] says which room may import which.
_ROOTS = ("rules/", "src/modelkiln/", "tests/support/")


class House(Subsystem):
    options_scope = "house"
    name = "house"
    help = "Floors and rooms of the engine and the backend (import-linter), and sizes of files and functions."


class HouseRequest(LintFilesRequest):
    tool_subsystem = House


@rule
async def partition_house(request: HouseRequest.PartitionRequest) -> Partitions[str, Any]:
    """One partition: an import is of two files."""
    is_touched = any(path.startswith(_ROOTS) or path == _CONFIG for path in request.files)
    return Partitions.single_partition(("src/modelkiln",)) if is_touched else Partitions()


@rule(desc="Lint the house", level=LogLevel.DEBUG)
async def lint_house(request: HouseRequest.Batch[str, Any]) -> LintResult:
    """Run import-linter on all of the engine and the backend, and measure their files."""
    # pip-tools' locks serve as a whole.
    lockfile = await get_lockfile_for_resolve(Resolve("tools", True), **implicitly())
    tool = await create_venv_pex(
        **implicitly(
            PexRequest(
                output_filename="import-linter.pex",
                internal_only=True,
                requirements=EntireLockfile(lockfile),
                interpreter_constraints=InterpreterConstraints(["CPython==3.11.*"]),
                main=ConsoleScript("lint-imports"),
            )
        )
    )
    sources = await path_globs_to_digest(
        PathGlobs([_CONFIG, "src/modelkiln/**/*.py", "rules/pants_modelkiln/**/*.py"]), **implicitly()
    )
    measured = await get_digest_contents(**implicitly(PathGlobs([f"{root}**/*.py" for root in _ROOTS])))
    result = await execute_process(
        **implicitly(
            VenvPexProcess(
                tool,
                argv=["--no-cache", "--no-logo"],
                extra_env={"PEX_EXTRA_SYS_PATH": "src:rules"},
                input_digest=sources,
                description="Run import-linter",
            )
        )
    )
    found = problems((file.path, file.content.decode()) for file in measured)
    output = result.stdout.decode(errors="replace") if result.exit_code else ""
    return LintResult(
        result.exit_code or int(bool(found)),
        "\n".join([output, *found]).strip(),
        result.stderr.decode(errors="replace"),
        linter_name=request.tool_name,
    )


def rules():
    return [*collect_rules(), *HouseRequest.rules()]
