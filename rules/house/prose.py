"""A linter for the words of code, tests and documentation."""

from __future__ import annotations

from typing import Any

from pants.core.goals.lint import LintFilesRequest, LintResult
from pants.core.util_rules.partitions import Partitions
from pants.engine.fs import PathGlobs
from pants.engine.rules import collect_rules
from pants.option.option_types import SkipOption
from pants.option.subsystem import Subsystem
from pants.util.logging import LogLevel

from house.words import problems
from pants_modelkiln.compat.calls import get_digest_contents, implicitly, rule

_ROOTS = ("src/", "rules/", "tests/", "docs/", "README.md")


class Prose(Subsystem):
    options_scope = "prose"
    name = "prose"
    help = "Words that code, tests and documentation avoid."

    skip = SkipOption("lint")


class ProseRequest(LintFilesRequest):
    tool_subsystem = Prose  # type: ignore[assignment]  # As in Pants' own linters: a protocol of options.


@rule
async def partition_prose(request: ProseRequest.PartitionRequest, prose: Prose) -> Partitions[str, Any]:
    """One partition of all Python files and pages."""
    files = tuple(path for path in request.files if path.startswith(_ROOTS) and path.endswith((".py", ".md")))
    return Partitions.single_partition(files) if files and not prose.skip else Partitions()


@rule(desc="Lint prose", level=LogLevel.DEBUG)
async def lint_prose(request: ProseRequest.Batch[str, Any]) -> LintResult:
    """Read the files and report each word."""
    contents = await get_digest_contents(**implicitly(PathGlobs(request.elements)))
    found = problems((file.path, file.content.decode()) for file in contents)
    return LintResult(int(bool(found)), "\n".join(found), "", linter_name=request.tool_name)


def rules():
    return [*collect_rules(), *ProseRequest.rules()]
