"""`modelkiln build lock-interpreter`: a portable CPython, pinned by hash."""

import argparse
from pathlib import Path

from modelkiln.base.portable_python_lock import MACHINES
from modelkiln.cli.lock.lock_file import write_lock
from modelkiln.formats.scie_assets import lock_interpreter
from modelkiln.store.store import Store
from modelkiln.wording import counted

HELP = "Read a portable CPython and what embeds it into the store once, and write their lock."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build lock-interpreter`."""
    parser.add_argument("--python", required=True, help="the exact version, 3.11.14")
    parser.add_argument("--release", required=True, help="of python-build-standalone, 20251120")
    parser.add_argument("--architecture", action="append", choices=sorted(MACHINES), required=True)
    parser.add_argument("--no-scie", action="store_true", help="without what the format scie takes")
    parser.add_argument("--where", required=True, help="the target's address, for messages")
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where the lock differs")
    parser.add_argument("lock", type=Path, metavar="LOCK", help="the lock to write")


def run(args: argparse.Namespace) -> int:
    """Write the lock where it changed, and say what is in it."""
    store, has_scie = Store(args.store), not args.no_scie
    lock = lock_interpreter(args.python, args.release, args.architecture, store, args.where, has_scie)
    text = lock.to_text()
    is_same = args.lock.exists() and args.lock.read_text("utf-8", "replace") == text
    state = "unchanged" if is_same else "differs" if args.check else "written"
    if not is_same and not args.check:
        write_lock(args.lock, text)
    size = sum(asset.size for asset in lock.assets)
    print(f"{args.lock.name}: {state}, CPython {lock.python}, {counted(len(lock.assets), 'file')} of {size} bytes")
    return 1 if args.check and not is_same else 0
