"""`modelkiln build lint`: the targets of a batch, as `pants lint` describes them."""

import argparse
import json
from pathlib import Path

from modelkiln.cli.linting.findings import add_report, add_selection, report
from modelkiln.lint.linter import lint_all
from modelkiln.lint.packages.listed import read_listed
from modelkiln.lint.selection import Selection

HELP = "Find anti-patterns in targets."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build lint`."""
    parser.add_argument("--subjects", type=Path, required=True, help="JSON, see modelkiln.lint.packages.listed")
    parser.add_argument("--sarif-file", type=Path, help="where a log of SARIF goes besides")
    add_selection(parser)
    add_report(parser)


def run(args: argparse.Namespace) -> int:
    """Print what is found; exit code 1 for errors."""
    chosen = Selection(tuple(args.select), tuple(args.ignore))
    found = lint_all([(one, chosen.without(ignored.ignore)) for one, ignored in read_listed(args.subjects)])
    if args.sarif_file:
        from modelkiln.lint.output.sarif import sarif_log

        args.sarif_file.parent.mkdir(parents=True, exist_ok=True)
        args.sarif_file.write_text(json.dumps(sarif_log(found), indent=1, sort_keys=True), "utf-8")
    return report(found, args, is_quiet=True)
