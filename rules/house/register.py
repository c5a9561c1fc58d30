"""A linter for the structure of this repository, its sizes, and what newer releases of Pants know (mypy)."""

from __future__ import annotations

from typing import Any

from pants.backend.python.target_types import ConsoleScript
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import PexRequest, VenvPexProcess
from pants.backend.python.util_rules.pex_requirements import EntireLockfile, Resolve
from pants.core.goals.lint import LintFilesRequest, LintResult
from pants.core.util_rules.partitions import Partitions
from pants.engine.fs import Digest, PathGlobs
from pants.engine.process import FallibleProcessResult
from pants.engine.rules import collect_rules
from pants.option.option_types import SkipOption
from pants.option.subsystem import Subsystem
from pants.util.logging import LogLevel

from house import prose
from house.sizes import problems, same_names
from pants_modelkiln.compat.calls import (
    concurrently,
    create_venv_pex,
    execute_process,
    get_digest_contents,
    get_lockfile_for_resolve,
    implicitly,
    path_globs_to_digest,
    path_globs_to_paths,
    rule,
)

_CONFIG = "pyproject.toml"  # Its table [tool.importlinter] says which room may import which.
_INTERFACES = "3rdparty/pants"  # Declarations of releases of Pants that this repository does not run on.
_RELEASES = ("2.31", "2.32", "2.33")
_ROOTS = ("rules/", "src/modelkiln/", "tests/support/")
_TESTS = "tests/"


class House(Subsystem):
    options_scope = "house"
    name = "house"
    help = (
        "Floors and rooms of the engine and the backend (import-linter), sizes, and calls that a "
        "newer Pants does not know (mypy)."
    )

    skip = SkipOption("lint")


class HouseRequest(LintFilesRequest):
    tool_subsystem = House  # type: ignore[assignment]  # As in Pants' own linters: a protocol of options.


@rule
async def partition_house(request: HouseRequest.PartitionRequest, house: House) -> Partitions[str, Any]:
    """One partition: an import is of two files."""
    roots = (*_ROOTS, _TESTS, _INTERFACES, _CONFIG)
    is_touched = any(path.startswith(roots) for path in request.files)
    return Partitions.single_partition(("src/modelkiln",)) if is_touched and not house.skip else Partitions()


async def _run(script: str, argv: tuple[str, ...], env: dict[str, str], sources: Digest) -> FallibleProcessResult:
    """Run a tool of the lock `tools`, which serves as a whole: it is one of pip-tools'."""
    lockfile = await get_lockfile_for_resolve(Resolve("tools", True), **implicitly())
    tool = await create_venv_pex(
        **implicitly(
            PexRequest(
                output_filename=f"{script}.pex",
                internal_only=True,
                requirements=EntireLockfile(lockfile),
                interpreter_constraints=InterpreterConstraints(["CPython==3.11.*"]),
                main=ConsoleScript(script),
            )
        )
    )
    return await execute_process(
        **implicitly(
            VenvPexProcess(tool, argv=argv, extra_env=env, input_digest=sources, description=f"Run {' '.join(argv)}")
        )
    )


@rule(desc="Lint the house", level=LogLevel.DEBUG)
async def lint_house(request: HouseRequest.Batch[str, Any]) -> LintResult:
    """Run import-linter on all of the engine and the backend, mypy for each release, and measure their files."""
    globs = [
        _CONFIG,
        "src/modelkiln/**/*.py",
        "rules/pants_modelkiln/**/*.py",
        "rules/house/*.py",
        f"{_INTERFACES}/**/*",
    ]
    sources = await path_globs_to_digest(PathGlobs(globs), **implicitly())
    measured = await get_digest_contents(**implicitly(PathGlobs([f"{root}**/*.py" for root in _ROOTS])))
    mypy = ("--config-file", f"{_INTERFACES}/mypy.ini", "-p", "house", "-p", "pants_modelkiln")
    results = await concurrently(
        [
            _run("lint-imports", ("--no-cache", "--no-logo"), {"PEX_EXTRA_SYS_PATH": "src:rules"}, sources),
            *(_run("mypy", mypy, {"MYPYPATH": f"src:rules:{_INTERFACES}/{release}"}, sources) for release in _RELEASES),
        ]
    )
    names = ("", *(f"Under Pants {release}:\n" for release in _RELEASES))
    failed = [
        name + (result.stdout + result.stderr).decode(errors="replace")
        for name, result in zip(names, results)
        if result.exit_code
    ]
    failed += problems((file.path, file.content.decode()) for file in measured)
    failed += same_names((await path_globs_to_paths(PathGlobs([f"{_TESTS}**/test_*.py"]))).files)
    return LintResult(int(bool(failed)), "\n".join(failed).strip(), "", linter_name=request.tool_name)


def rules():
    return [*collect_rules(), *HouseRequest.rules(), *prose.rules()]
