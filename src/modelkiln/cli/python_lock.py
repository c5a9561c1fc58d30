"""`modelkiln build python-lock`: pin a resolve's packages."""

import argparse
from pathlib import Path

from modelkiln.lock_changes import changed_pins, describe_changes
from modelkiln.platforms import Target
from modelkiln.python_lock import logical_lines, read_lock
from modelkiln.python_requirements import check_requirements
from modelkiln.sources.pip_tools import compile_lock, seed_lock, wheel_sizes
from modelkiln.store import Store

HELP = "Pin what a resolve asks for, and all that it needs, by version and hash."

# Sizes are told of the wheels that most machines take; this C library is newer than any base's.
_PLATFORM, _GLIBC = "linux/amd64", "2.39"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build python-lock`."""
    parser.add_argument("--source", action="append", required=True, help="a file of requirements; repeatable")
    parser.add_argument("--lock", required=True, help="the lock as it is, where there is one; it is written")
    parser.add_argument("--share", action="append", default=[], help="a lock whose pins are preferred; repeatable")
    parser.add_argument("--resolve", required=True, help="the resolve's name")
    parser.add_argument("--address", required=True, help="what people lock it by")
    parser.add_argument("--python", required=True, help='its release of CPython, "3.11"')
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions instead of those that fit")
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    parser.add_argument("--summary", type=Path, required=True, help="where lines about what changed go")


def run(args: argparse.Namespace) -> int:
    """Compile, check and write the lock and its summary."""
    lock, store = Path(args.lock), Store(args.store)
    for source in args.source:
        check_requirements(Path(source).read_text("utf-8"), source)
    before = lock.read_text("utf-8") if lock.is_file() else ""
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(seed_lock(before, [Path(path).read_text("utf-8") for path in args.share], args.upgrade))
    compile_lock(Path("."), args.source, args.lock, args.resolve, store, args.upgrade)
    after = _header(args) + lock.read_text("utf-8")
    target = Target(args.python, _PLATFORM, _GLIBC)
    new = read_lock(after, args.lock, target.marker_environment())
    # What pip-tools says in comments depends on its release.
    same = logical_lines(before) == logical_lines(after)
    lock.write_text(before if same else after)
    args.summary.write_text("" if same else _summary(before, new, target, store, args.lock))
    return 0


def _header(args: argparse.Namespace) -> str:
    sources = ", ".join(args.source)
    return f"# The resolve {args.resolve}, compiled from {sources} by: ./pants lock {args.address}\n#\n"


def _summary(before: str, new: list, target: Target, store: Store, path: str) -> str:
    old = read_lock(before, path, target.marker_environment()) if before else []
    sizes = wheel_sizes(changed_pins(old, new), target.python, target.pip_platforms(), store, Path("."))
    return "".join(f"{line}\n" for line in describe_changes(old, new, sizes))
