"""`modelkiln build scie`: a PEX and its interpreter in one program."""

import argparse
from pathlib import Path

from modelkiln.base.portable_python_lock import load_interpreter_lock
from modelkiln.canonical import canonical_json
from modelkiln.formats.scie import build_scie, store_scie
from modelkiln.store.store import Store

HELP = "Put a PEX and a portable CPython into one program."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build scie`."""
    parser.add_argument("--pex", type=Path, required=True, help="the PEX; its name is the application's")
    parser.add_argument("--interpreter", type=Path, required=True, help="the lock of a portable CPython")
    parser.add_argument("--platform", required=True, help="what it runs on, linux/amd64 or linux/arm64")
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    output = parser.add_mutually_exclusive_group(required=True)
    output.add_argument("--output", type=Path, help="where the program goes")
    output.add_argument("--stored", type=Path, help="keep it in the store, and write its digest and size here")


def run(args: argparse.Namespace) -> int:
    """Build the program."""
    lock = load_interpreter_lock(args.interpreter.read_text("utf-8"), args.interpreter.name)
    store = Store(args.store)
    if args.output:
        build_scie(args.pex, lock, args.platform, store, args.output)
    else:
        digest, size = store_scie(args.pex, lock, args.platform, store)
        args.stored.write_bytes(canonical_json({"digest": digest, "size": size}))
    return 0
