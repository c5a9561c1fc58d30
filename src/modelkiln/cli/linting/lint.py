"""`modelkiln lint`: anti-patterns of a package, ours or somebody else's."""

import argparse
from pathlib import Path
from typing import Iterator

from modelkiln.cli.linting.findings import add_report, add_selection, report
from modelkiln.cli.options import add_record, add_store, store_of
from modelkiln.errors import ModelkilnError
from modelkiln.lint.linter import lint_all
from modelkiln.lint.output.text import explained, listed
from modelkiln.lint.registry import all_rules, rule_of
from modelkiln.lint.selection import Selection
from modelkiln.lint.subject import Subject
from modelkiln.progress import Progress

HELP = "Find anti-patterns in a package: paths, downloads, requirements and files that should not be there."
EXAMPLES = (
    "lint dist/models.digits/digits.oci",
    "lint dist/models.digits/digits.oci --ignore MK203 --sarif",
    "lint --explain MK101",
)


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
    selection = Selection(tuple(args.select), tuple(args.ignore)).checked("--select, --ignore")
    with Progress("lint", len(args.packages), unit="packages") as progress:
        found = lint_all((one, selection) for one in _subjects(args, progress))
    return report(found, args)


def _subjects(args: argparse.Namespace, progress: Progress) -> Iterator[Subject]:
    """What is in the packages, one after the other."""
    # Imported here: it brings all that reads images, which an explanation does not need.
    from modelkiln.lint.packages.read import read_package

    for path in args.packages:
        yield from read_package(path, store_of(args), args.record, args.image)
        progress.add(1)
