"""Checks of model artifact files: formats are found by content, and bad files are refused."""

from modelkiln.checks.check import Finding, Need, Options, check_file, check_set

__all__ = ["Finding", "Need", "Options", "check_file", "check_set"]
