"""`modelkiln build publish-wheel`: the wheel of a model into indexes of Python packages."""

import argparse
from pathlib import Path

from modelkiln.cli.options import add_insecure, add_store, machine_env
from modelkiln.publication.wheel_index import find_index, publish_wheel

HELP = "Put a wheel into indexes of Python packages."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the step."""
    parser.add_argument("wheel", type=Path, metavar="WHEEL", help="the wheel, at its file name")
    parser.add_argument("--index", action="append", required=True, help="address, or @section of ~/.pypirc; repeatable")
    add_insecure(parser)
    add_store(parser)


def run(args: argparse.Namespace) -> int:
    """Publish, and print a line for each index; all are known before anything is sent."""
    env = machine_env(args)
    for index in [find_index(named, env) for named in args.index]:
        print(publish_wheel(args.wheel, index, env), flush=True)
    return 0
