"""The fields that say what lint leaves out."""

from __future__ import annotations

from pants.engine.target import BoolField, StringSequenceField
from pants.util.strutil import help_text


class SkipLintField(BoolField):
    alias = "skip_modelkiln_lint"
    default = False
    help = "Leave the target out of the linter `modelkiln-lint`."


class LintIgnoreField(StringSequenceField):
    alias = "lint_ignore"
    default = ()
    help = help_text("""
        Rules of the linter `modelkiln-lint` that are not looked for in this target: ids such as `MK101`, the
        start of one (`MK1`) or a category (`paths`). `modelkiln lint --list` lists all.

        One line of code is left out by a comment with a reason: `# modelkiln: ignore[MK101] the platform mounts
        it`.
        """)


LINT_FIELDS = (SkipLintField, LintIgnoreField)
