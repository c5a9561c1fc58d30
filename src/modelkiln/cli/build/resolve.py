"""`modelkiln build resolve`: a lock's wheels for one target."""

import argparse
from pathlib import Path

from modelkiln.canonical import canonical_json
from modelkiln.manifest.resolution import resolve_lock
from modelkiln.store.store import Store
from modelkiln.wheels.platforms import Target

HELP = "Choose one wheel for each pin of a lock; nothing is installed."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build resolve`."""
    parser.add_argument("--lock", type=Path, required=True, help="the lock: requirements with hashes")
    parser.add_argument("--name", default="", help="what messages call the lock")
    parser.add_argument("--python", required=True, help='release of CPython, as "3.11"')
    parser.add_argument("--platform", required=True, help='operating system and architecture, as "linux/amd64"')
    parser.add_argument("--glibc", required=True, help='newest release of glibc to rely on, as "2.36"')
    parser.add_argument(
        "--release", action="append", default=[], help='a patch release that runs it, as "3.11.2"; repeatable'
    )
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    parser.add_argument("--output", type=Path, required=True, help="where the resolved lock's JSON goes")


def run(args: argparse.Namespace) -> int:
    """Resolve and write the result."""
    target = Target(args.python, args.platform, args.glibc, tuple(args.release))
    text = args.lock.read_text("utf-8")
    resolved = resolve_lock(text, target, Store(args.store), args.name or str(args.lock))
    args.output.write_bytes(canonical_json(resolved))
    return 0
