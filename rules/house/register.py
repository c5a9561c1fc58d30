"""A linter for the structure of this repository: floors and rooms by import-linter, and sizes."""

from __future__ import annotations

from typing import Any

from pants.backend.python.target_types import ConsoleScript
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import PexRequest, VenvPex, VenvPexProcess
from pants.backend.python.util_rules.pex_requirements import EntireLockfile, Lockfile, Resolve
from pants.core.goals.lint import LintFilesRequest, LintResult
from pants.core.util_rules.partitions import Partitions
from pants.engine.fs import Digest, DigestContents, PathGlobs
from pants.engine.process import FallibleProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.option.option_types import SkipOption
from pants.option.subsystem import Subsystem
from pants.util.logging import LogLevel

from house.sizes import problems

_CONFIG = "pyproject.toml"  # Its table [tool.importlinter] says which room may import which.
_ROOTS = ("rules/", "src/modelkiln/", "tests/support/")


class House(Subsystem):
    options_scope = "house"
    name = "house"
    help = "Floors and rooms of the engine and the backend (import-linter), and sizes of files and functions."

    skip = SkipOption("lint")


class HouseRequest(LintFilesRequest):
    tool_subsystem = House  # type: ignore[assignment]  # As in Pants' own linters: a protocol of options.


@rule
async def partition_house(request: HouseRequest.PartitionRequest, house: House) -> Partitions[str, Any]:
    """One partition: an import is of two files."""
    is_touched = any(path.startswith(_ROOTS) or path == _CONFIG for path in request.files)
    return Partitions.single_partition(("src/modelkiln",)) if is_touched and not house.skip else Partitions()


@rule(desc="Lint the house", level=LogLevel.DEBUG)
async def lint_house(request: HouseRequest.Batch[str, Any]) -> LintResult:
    """Run import-linter on all of the engine and the backend, and measure their files."""
    # pip-tools' locks serve as a whole.
    lockfile = await Get(Lockfile, Resolve("tools", True))
    tool, sources = await MultiGet(
        Get(
            VenvPex,
            PexRequest(
                output_filename="import-linter.pex",
                internal_only=True,
                requirements=EntireLockfile(lockfile),
                interpreter_constraints=InterpreterConstraints(["CPython==3.11.*"]),
                main=ConsoleScript("lint-imports"),
            ),
        ),
        Get(Digest, PathGlobs([_CONFIG, "src/modelkiln/**/*.py", "rules/pants_modelkiln/**/*.py"])),
    )
    measured, result = await MultiGet(
        Get(DigestContents, PathGlobs([f"{root}**/*.py" for root in _ROOTS])),
        Get(
            FallibleProcessResult,
            VenvPexProcess(
                tool,
                argv=["--no-cache", "--no-logo"],
                extra_env={"PEX_EXTRA_SYS_PATH": "src:rules"},
                input_digest=sources,
                description="Run import-linter",
            ),
        ),
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
