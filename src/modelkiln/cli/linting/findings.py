"""What the commands that lint share: which rules count, and how findings are printed."""

import argparse
from typing import Mapping, Sequence

from modelkiln.lint.finding import Finding
from modelkiln.lint.output.text import shown, summary
from modelkiln.wording import print_json, print_lines

__all__ = ["add_report", "add_selection", "report"]


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Declare --select and --ignore."""
    names = "rules by their ids (MK101), starts of them (MK1) or categories (paths); repeatable"
    parser.add_argument("--select", action="append", default=[], metavar="RULE", help=f"look for these alone: {names}")
    parser.add_argument("--ignore", action="append", default=[], metavar="RULE", help=f"leave these out: {names}")


def add_report(parser: argparse.ArgumentParser) -> None:
    """Declare what is printed, and what the exit code says."""
    parser.add_argument("--warnings-as-errors", action="store_true", help="exit with 1 for warnings too")
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="print a JSON object: findings by package")
    formats.add_argument("--sarif", action="store_true", help="print a log of SARIF 2.1.0")


def report(found: Mapping[str, Sequence[Finding]], args: argparse.Namespace, is_quiet: bool = False) -> int:
    """Print findings in the form that was asked for; returns the exit code. is_quiet: say nothing of a package in
    which nothing is found, and of others what `pants fix` does."""
    findings = [one for several in found.values() for one in several]
    if args.sarif:
        from modelkiln.lint.output.sarif import sarif_log

        print_json(sarif_log(found))
    elif args.json:
        print_json({name: [one.to_json() for one in several] for name, several in found.items()})
    else:
        for name, several in found.items():
            if several:
                print(shown(several, name))
            edited = sum(bool(one.edits) for one in several) if is_quiet else 0
            if several or not is_quiet:
                fix = f" `pants fix` edits {edited} of them." if edited else ""
                print_lines([f"{name}: {summary(several)}{fix}"])
    return int(any(one.is_error or args.warnings_as_errors for one in findings))
