"""The target type `modelkiln_command_line`."""

from __future__ import annotations

from pants.core.goals.package import OutputPathField
from pants.engine.target import COMMON_TARGET_FIELDS, StringField, Target
from pants.util.strutil import help_text


class CommandLinePythonField(StringField):
    alias = "python"
    default = None
    help = help_text("""
        The Python release that the command line runs on, such as `"3.12"`. The default is
        `[modelkiln].python`.
        """)


class CommandLineTarget(Target):
    alias = "modelkiln_command_line"
    core_fields = (*COMMON_TARGET_FIELDS, CommandLinePythonField, OutputPathField)
    help = help_text("""
        The command line `modelkiln` (`inspect`, `diff`, `why`, `report`, `validate`, `export`, `load`,
        `publish`, `pull`, `verify`, `sign`, `store` and others) as a PEX, of the same release as the backend and
        with dependencies that it has locked itself.

        Example:

            modelkiln_command_line(name="modelkiln", output_path="modelkiln.pex")

        Run it with `pants run :modelkiln -- inspect dist/fraud.oci`, or take the file from `dist/`.
        """)
