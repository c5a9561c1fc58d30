"""`modelkiln build pex`: wheels, code and artifacts in one executable file."""

import argparse
import json
from pathlib import Path

from modelkiln.pex_package import build_pex
from modelkiln.store import Store

HELP = "Build a PEX from wheels in the store and a folder of sources."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build pex`."""
    parser.add_argument("--spec", type=Path, required=True, help="wheels, target and entry point, a JSON file")
    parser.add_argument("--sources", type=Path, required=True, help="folder of the PEX's own files")
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    parser.add_argument("--output", type=Path, required=True, help="where the PEX goes")


def run(args: argparse.Namespace) -> int:
    """Build the PEX."""
    build_pex(json.loads(args.spec.read_text("utf-8")), args.sources, Store(args.store), args.output)
    return 0
