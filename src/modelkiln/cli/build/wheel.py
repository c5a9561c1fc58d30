"""`modelkiln build wheel`: a wheel from an sdist."""

import argparse
import json
from pathlib import Path

from modelkiln.builds.resolve_builder import ResolveBuilder
from modelkiln.canonical import canonical_json
from modelkiln.store.store import Store

HELP = "Build the wheel of an sdist, in an environment of locked wheels and without a network."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build wheel`."""
    parser.add_argument("--sdist", type=Path, required=True, help="name, version, filename and sha256, a JSON file")
    parser.add_argument("--requirements", type=Path, required=True, help="the resolved lock of build requirements")
    parser.add_argument("--toolchain", type=Path, help="what it is compiled with, name and locks, a JSON file")
    parser.add_argument(
        "--extra", type=Path, help="what sdists are built with besides what they say, lists by package, a JSON file"
    )
    parser.add_argument("--remedy", required=True, help="the command that locks build requirements")
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    parser.add_argument("--output", type=Path, required=True, help="where the wheel's JSON goes")


def run(args: argparse.Namespace) -> int:
    """Build, and report the wheel."""
    sdist, resolved = (json.loads(path.read_text("utf-8")) for path in (args.sdist, args.requirements))
    toolchain = json.loads(args.toolchain.read_text("utf-8")) if args.toolchain else None
    extra = json.loads(args.extra.read_text("utf-8")) if args.extra else None
    built = ResolveBuilder(resolved, args.remedy, Store(args.store), toolchain, extra).build(sdist)
    args.output.write_bytes(canonical_json(built))
    return 0
