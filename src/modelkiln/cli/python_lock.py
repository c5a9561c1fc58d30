"""`modelkiln build python-lock`: pin a resolve's packages."""

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from modelkiln.environment import resolve_lock
from modelkiln.lock_changes import changed_pins, describe_changes
from modelkiln.platforms import Target
from modelkiln.python_lock import logical_lines, read_lock
from modelkiln.python_requirements import check_requirements
from modelkiln.sdist import unpack_sdist
from modelkiln.sources.pip_tools import compile_lock, seed_lock, wheel_sizes
from modelkiln.sources.sdists import ensure_sdist
from modelkiln.store import Store

HELP = "Pin what a resolve asks for, and all that it needs, by version and hash."

# Sizes are told of the wheels that most machines take; this C library is newer than any base's.
_PLATFORM, _GLIBC = "linux/amd64", "2.39"
# Below the current folder: pip-tools writes in comments from which file a requirement is.
_SDISTS = Path(".sdists")


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
    shared = [Path(path).read_text("utf-8") for path in args.share]
    header = (
        f"# The resolve {args.resolve}, compiled from {', '.join(args.source)} by: ./pants lock {args.address}\n#\n"
    )
    lock = _Lock(Path(args.lock), args.summary, header)
    if args.source:
        lock.compile(args, args.source, shared, target, store)
    if args.build_lock:
        _lock_build_requirements(args, lock, target, store)
    return 0


def _lock_build_requirements(args: argparse.Namespace, lock: "_Lock", target: Target, store: Store) -> None:
    """Lock what the sdists in `lock` are built with; where it has none there is no such lock."""
    path = Path(args.build_lock)
    resolved = resolve_lock(lock.path.read_text("utf-8"), target, store, args.lock)
    sdists = [wheel for wheel in resolved["wheels"] if wheel.get("is_sdist")]
    if not sdists:
        path.unlink(missing_ok=True)
        return
    sources = []
    for sdist in sdists:
        folder = _SDISTS / sdist["name"]
        unpack_sdist(ensure_sdist(sdist, store), sdist["filename"], folder)
        names = [name for name in ("pyproject.toml", "setup.py") if (folder / name).is_file()]
        sources += [str(folder / name) for name in names[:1]]
    header = (
        f"# What sdists of the resolve {args.resolve} are built with, compiled by: ./pants lock {args.address}\n#\n"
    )
    try:
        _Lock(path, args.build_summary, header).compile(args, sources, [], target, store, is_build=True)
    finally:
        shutil.rmtree(_SDISTS)


@dataclass(frozen=True)
class _Lock:
    """A lock to write, and the file that tells what changed in it."""

    path: Path
    summary: Path
    header: str

    def compile(
        self,
        args: argparse.Namespace,
        sources: Sequence[str],
        shared: Sequence[str],
        target: Target,
        store: Store,
        is_build: bool = False,
    ) -> None:
        """Compile it from `sources`, beginning with its own pins and with `shared` ones."""
        path, name = self.path, str(self.path)
        before = path.read_text("utf-8") if path.is_file() else ""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(seed_lock(before, shared, args.upgrade))
        compile_lock(Path("."), sources, name, args.resolve, store, args.upgrade, is_build)
        after = self.header + path.read_text("utf-8")
        new = read_lock(after, name, target.marker_environment())
        # What pip-tools says in comments depends on its release.
        same = logical_lines(before) == logical_lines(after)
        path.write_text(before if same else after)
        self.summary.write_text("" if same else _summary(before, new, target, store, name))


def _summary(before: str, new: list, target: Target, store: Store, path: str) -> str:
    old = read_lock(before, path, target.marker_environment()) if before else []
    sizes = wheel_sizes(changed_pins(old, new), target.python, target.pip_platforms(), store, Path("."))
    return "".join(f"{line}\n" for line in describe_changes(old, new, sizes))
