"""`modelkiln build pex`: wheels, code and artifacts in one executable file."""

import argparse
import json
from pathlib import Path

from modelkiln.canonical import canonical_json
from modelkiln.formats.pex import build_pex, store_pex
from modelkiln.store.store import Store

HELP = "Build a PEX from wheels in the store and a folder of sources."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build pex`."""
    parser.add_argument("--spec", type=Path, required=True, help="wheels, target and entry point, a JSON file")
    parser.add_argument("--sources", type=Path, required=True, help="folder of the PEX's own files")
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    parser.add_argument("--parts", type=Path, help="what `pex-parts` wrote for the same wheels, if it was called")
    output = parser.add_mutually_exclusive_group(required=True)
    output.add_argument("--output", type=Path, help="where the PEX goes")
    output.add_argument("--stored", type=Path, help="keep the PEX in the store, and write its digest and size here")


def run(args: argparse.Namespace) -> int:
    """Build the PEX."""
    spec, store = json.loads(args.spec.read_text("utf-8")), Store(args.store)
    if args.output:
        build_pex(spec, args.sources, store, args.output, args.parts)
    else:
        digest, size = store_pex(spec, args.sources, store, "package.pex", args.parts)
        args.stored.write_bytes(canonical_json({"digest": digest, "size": size}))
    return 0
