"""The options of `[modelkiln-lint]`."""

from __future__ import annotations

from pants.option.option_types import ArgsListOption, BoolOption, SkipOption, StrListOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import help_text

from modelkiln.lint.selection import Selection


class ModelkilnLint(Subsystem):
    options_scope = "modelkiln-lint"
    name = "modelkiln lint"
    help = "A linter for packages of models: paths, downloads, requirements and files that should not be there."

    skip = SkipOption("fix", "lint")
    args = ArgsListOption(example="--json")
    select = StrListOption(
        default=[],
        help=help_text("""
            The rules to look for: ids such as `MK101`, starts of them (`MK1`) or categories (`paths`). Nothing
            stands for all; `modelkiln lint --list` lists them.
            """),
    )
    ignore = StrListOption(default=[], help="Rules that are left out, named as in `select`.")
    warnings_as_errors = BoolOption(default=False, help="Let warnings fail the goal, too.")
    sarif = BoolOption(
        default=False,
        help="Also write the findings to `dist/lint/modelkiln-lint`, as a log of SARIF 2.1.0 for code hosts.",
    )

    @property
    def selection(self) -> Selection:
        """Which rules count; raises ModelkilnError for names that stand for none."""
        return Selection(tuple(self.select), tuple(self.ignore)).checked("[modelkiln-lint] select, ignore")
