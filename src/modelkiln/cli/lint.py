"""`modelkiln lint`: anti-patterns of a package, ours or somebody else's."""

import argparse
import json
from pathlib import Path
from typing import Mapping, Sequence

from modelkiln.cli.options import add_record, add_store, store_of
from modelkiln.errors import ModelkilnError
from modelkiln.lint.finding import Finding
from modelkiln.lint.linter import lint_all
from modelkiln.lint.output.text import explained, listed, shown, summary
from modelkiln.lint.registry import all_rules, rule_of
from modelkiln.lint.selection import Selection

HELP = "Find anti-patterns in a package: paths, downloads, requirements and files that should not be there."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln lint`."""
    parser.add_argument("packages", nargs="*", type=Path, metavar="PACKAGE", help="an OCI image layout, a wheel, a PEX")
    parser.add_argument("--explain", metavar="RULE", help="print what a rule finds, why, and what to do instead")
    parser.add_argument("--list", action="store_true", help="print all rules")
    add_selection(parser)
    add_report(parser)
    parser.add_argument("--image", metavar="NAME", help="which one of a layout: its tag, digest or platform")
    add_store(parser)
    add_record(parser)


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


def run(args: argparse.Namespace) -> int:
    """Print what is found; exit code 1 for errors."""
    if args.explain:
        print(explained(rule_of(args.explain)))
        return 0
    if args.list:
        print(listed(list(all_rules().values())))
        return 0
    if not args.packages:
        raise ModelkilnError("no package is named. Give one that `pants package` wrote, or --list or --explain RULE.")
    # Imported here: it brings all that reads images, which an explanation does not need.
    from modelkiln.lint.packages.read import read_package

    selection = Selection(tuple(args.select), tuple(args.ignore)).checked("--select, --ignore")
    subjects = [one for path in args.packages for one in read_package(path, store_of(args), args.record, args.image)]
    return report(lint_all([(one, selection) for one in subjects]), args)


def report(found: Mapping[str, Sequence[Finding]], args: argparse.Namespace, is_quiet: bool = False) -> int:
    """Print findings in the form that was asked for; returns the exit code. is_quiet: say nothing of a package in
    which nothing is found."""
    findings = [one for several in found.values() for one in several]
    if args.sarif:
        from modelkiln.lint.output.sarif import sarif_log

        print(json.dumps(sarif_log(found), indent=1, ensure_ascii=False, sort_keys=True))
    elif args.json:
        content = {name: [one.to_json() for one in several] for name, several in found.items()}
        print(json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True))
    else:
        for name, several in found.items():
            if several:
                print(shown(several, name))
            if several or not is_quiet:
                print(f"{name}: {summary(several)}")
    return int(any(one.is_error or args.warnings_as_errors for one in findings))
