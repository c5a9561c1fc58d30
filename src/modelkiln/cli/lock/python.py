"""`modelkiln build python-lock`: pin a resolve's packages."""

import argparse
import json
from pathlib import Path

from modelkiln.manifest.build_compiler import BuildLockCompiler
from modelkiln.manifest.compiler import LockCompiler
from modelkiln.manifest.lock import lock_lines
from modelkiln.manifest.requirements import check_requirements
from modelkiln.store.store import Store
from modelkiln.wheels.platforms import Target

HELP = "Pin what a resolve asks for, and all that it needs, by version and hash."

# Sizes are reported for the wheels that most machines take; this C library is newer than any base's.
_PLATFORM, _GLIBC = "linux/amd64", "2.39"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build python-lock`."""
    parser.add_argument(
        "--source", action="append", default=[], help="a file of requirements; repeatable. Without one the lock stays"
    )
    parser.add_argument("--lock", required=True, help="the lock as it is, where there is one; it is written")
    parser.add_argument("--share", action="append", default=[], help="a lock whose pins are preferred; repeatable")
    parser.add_argument(
        "--build-lock", help="the lock of what sdists among them are built with; written where it is needed"
    )
    parser.add_argument("--resolve", required=True, help="the resolve's name")
    parser.add_argument("--address", required=True, help="what people lock it by")
    parser.add_argument(
        "--extra-build-requirements", type=Path, help="what sdists are built with besides, lists by package, as JSON"
    )
    parser.add_argument("--python", required=True, help='its release of CPython, "3.11"')
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions instead of those that fit")
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    parser.add_argument("--summary", type=Path, required=True, help="where lines about what changed go")
    parser.add_argument("--build-summary", type=Path, help="the same for the lock of build requirements")


def run(args: argparse.Namespace) -> int:
    """Compile, check and write the locks and their summaries."""
    store, target = Store(args.store), Target(args.python, _PLATFORM, _GLIBC)
    for source in args.source:
        check_requirements(Path(source).read_text("utf-8"), source)
    extra = args.extra_build_requirements
    more = json.loads(extra.read_text("utf-8")) if extra else {}
    compiler = LockCompiler(args.resolve, args.address, target, store, args.upgrade, more)
    if args.source:
        environment = target.marker_environment()
        shared = ["\n".join(lock_lines(Path(path).read_text("utf-8"), path, environment)) for path in args.share]
        compiler.lock(args.lock, args.source, shared, args.summary)
    if args.build_lock:
        resolved = compiler.resolved(Path(args.lock).read_text("utf-8"), args.lock)
        BuildLockCompiler(compiler, args.build_lock).lock(resolved, args.build_summary)
    return 0
