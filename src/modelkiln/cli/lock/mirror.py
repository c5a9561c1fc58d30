"""`modelkiln mirror`: a folder of the Debian packages that locks pin."""

import argparse
import sys
from pathlib import Path

from modelkiln.cli.options import add_store, machine_env, store_of
from modelkiln.wording import counted

HELP = "Copy the Debian packages that locks pin to a folder, which is a mirror of them from then on."
EXAMPLES = ("mirror base.lock.json toolchain.lock.json -o /mnt/debian",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln mirror`."""
    parser.add_argument("locks", type=Path, nargs="+", metavar="LOCK", help="lock of a base image or build toolchain")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the folder; it may exist")
    add_store(parser)


def run(args: argparse.Namespace) -> int:
    """Fetch what store and folder lack, and say how much that was."""
    from modelkiln.base.debian_lock import load_lock
    from modelkiln.base.debian_mirrors import fill_folder

    store = store_of(args)
    packages = {
        one["filename"]: one
        for path in args.locks
        for one in load_lock(path.read_text("utf-8", "replace"), str(path))["packages"]
    }
    new = fill_folder(list(packages.values()), args.output, store, machine_env(args))
    print(f"{args.output}: {counted(len(packages), 'package')}, {new} of them new", file=sys.stderr)
    return 0
