"""`modelkiln doctor`: what this machine has and lacks."""

import argparse
from pathlib import Path

from modelkiln.cli.options import add_store, machine_env, store_of
from modelkiln.report.doctor.condition import Condition
from modelkiln.report.doctor.conditions import conditions
from modelkiln.wording import counted, print_json, print_lines

HELP = "Show what this machine has and lacks for building, testing and publishing packages, with remedies."
EXAMPLES = (
    "doctor",
    "doctor --json",
)

_MARKS = {"ok": "ok", "none": "-", "problem": "!!"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln doctor`."""
    parser.add_argument("--json", action="store_true", help="print a JSON list (docs/schemas/doctor.json)")
    parser.set_defaults(insecure=[])
    add_store(parser)


def run(args: argparse.Namespace) -> int:
    """Print each condition as it is found; exit code 1 where something is there that does not work."""
    problems, listed, subject = 0, [], ""
    for one in conditions(store_of(args), machine_env(args), Path.cwd()):
        problems += one.state == "problem"
        listed.append(one.to_json())
        if not args.json:
            _print(one, one.subject if one.subject != subject else "")
            subject = one.subject
    if args.json:
        print_json(listed)
    else:
        print(f"\n{counted(problems, 'problem')}." if problems else "\nNo problems.")
    return 1 if problems else 0


def _print(one: Condition, subject: str) -> None:
    print_lines([f"{subject:<18}{_MARKS[one.state]:<4}{one.what}"])
    if one.remedy and one.state != "ok":
        print_lines([f"{'':<22}{one.remedy}"])
