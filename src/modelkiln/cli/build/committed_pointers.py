"""`modelkiln build committed-pointers`: the Git LFS pointers of large files that are checked out."""

import argparse
from pathlib import Path

from modelkiln.canonical import canonical_json
from modelkiln.machine.settings import load_machine_env
from modelkiln.weights.pointers import committed_pointers

HELP = "Report the Git LFS pointers that are committed in place of files of the checkout."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build committed-pointers`."""
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    parser.add_argument("--checkout", type=Path, required=True, help="the folder of the checkout")
    parser.add_argument("--output", type=Path, required=True, help="where the JSON list goes")
    parser.add_argument("paths", nargs="+", metavar="PATH", help="relative to the checkout")


def run(args: argparse.Namespace) -> int:
    """Write path, sha256 (hex) and size of each file that has an unchanged pointer."""
    found = committed_pointers(args.paths, args.checkout, load_machine_env(args.store))
    args.output.write_bytes(canonical_json([file.to_json() for file in found]))
    return 0
