"""`modelkiln build pex-parts`: what all PEXs of an environment have in common."""

import argparse
import json
from pathlib import Path

from modelkiln.formats.pex_parts import build_head, build_parts
from modelkiln.store.store import Store

HELP = "Write what the PEXs of an environment have in common, beside its wheels."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build pex-parts`."""
    parser.add_argument("--spec", type=Path, required=True, help="wheels, target and entry point, a JSON file")
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    parser.add_argument("--packed", action="store_true", help="of those that are folders; otherwise of files")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write")


def run(args: argparse.Namespace) -> int:
    """Write the parts."""
    build = build_parts if args.packed else build_head
    build(json.loads(args.spec.read_text("utf-8")), Store(args.store), args.output)
    return 0
