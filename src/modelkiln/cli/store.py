"""`modelkiln store`: what is in the store, whether it is whole, and what can go."""

import argparse
import datetime
import os
import re
from pathlib import Path
from typing import Any, Iterator, Optional

from modelkiln.checks.lfs_pointer import POINTER_LIMIT, is_pointer
from modelkiln.cli.options import add_store, store_of
from modelkiln.cli.tables import Column, Table, print_parts
from modelkiln.errors import ModelkilnError
from modelkiln.progress import Progress
from modelkiln.store.caches import CachedThing, list_caches
from modelkiln.store.cleaning import Cleaning, clean, list_blobs, named_blobs, verify
from modelkiln.store.store import Store
from modelkiln.wording import counted, print_json, print_lines

HELP = "List, verify or clean the store of blobs."
EXAMPLES = (
    "store list",
    "store gc --older-than 30d --max-size 200GB --dry-run",
)

# What names blobs in a repository: locks of weights, base images and Python, and records in dist/.
_LOCKS = (".lock.json", ".package.json", ".lock")
# The key that marks a file as a lock of weights stands near its end: keys are sorted.
_TAIL = 64 << 10
_BLOBS = (Column("blob"), Column("bytes", is_number=True), Column("last used"))
_SKIPPED = ("__pycache__", "node_modules")
_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_BYTES = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln store`."""
    parser.add_argument("action", choices=("list", "verify", "gc"))
    parser.add_argument(
        "--json",
        action="store_true",
        help="print JSON (docs/schemas/store-list.json, store-verify.json, store-gc.json)",
    )
    gc = parser.add_argument_group(
        "gc", "Removes what dead processes left, and with an option below, blobs and caches."
    )
    gc.add_argument(
        "--older-than", type=_age, metavar="AGE", help="remove what was not used for this long, such as 30d"
    )
    gc.add_argument("--max-size", type=_size, metavar="SIZE", help="remove the longest unused above this, such as 50GB")
    gc.add_argument(
        "--keep",
        action="append",
        metavar="GLOB",
        help="locks and records whose blobs stay (default: all locks of weights, *.lock.json, *.package.json, "
        "*.lock, pip's locks and pointers of Git LFS below the current folder)",
    )
    gc.add_argument("--dry-run", action="store_true", help="only report what would go")
    add_store(parser)


def run(args: argparse.Namespace) -> int:
    """Do it; exit code 1 where `verify` found damage."""
    store = store_of(args)
    return {"list": _list, "verify": _verify, "gc": _gc}[args.action](args, store)


def _list(args: argparse.Namespace, store: Store) -> int:
    blobs = sorted(list_blobs(store), key=lambda blob: blob.used_ns)
    if args.json:
        listed = [{"digest": blob.digest, "size": blob.size, "used": blob.used_ns / 1e9} for blob in blobs]
        print_json(listed)
        return 0
    rows = [(blob.digest, str(blob.size), _time(blob.used_ns)) for blob in blobs]
    print_parts([Table(_BLOBS, rows, [f"{digest}  {size:>15}  {used}" for digest, size, used in rows])])
    print_lines([f"{store.root}: {counted(len(blobs), 'blob')}, {sum(blob.size for blob in blobs)} bytes"])
    caches: dict[str, list[CachedThing]] = {}
    for thing in list_caches(store.root):
        caches.setdefault(thing.name.partition("/")[0], []).append(thing)
    print_lines(
        f"{store.root / kind}: {counted(len(things), 'cache')}, {sum(thing.size for thing in things)} bytes"
        for kind, things in sorted(caches.items())
    )
    return 0


def _time(nanoseconds: int) -> str:
    return datetime.datetime.fromtimestamp(nanoseconds / 1e9).strftime("%Y-%m-%d %H:%M")


def _verify(args: argparse.Namespace, store: Store) -> int:
    damaged = verify(store)
    if args.json:
        print_json({"store": str(store.root), "damaged": damaged})
        return 1 if damaged else 0
    print_lines(
        f"{digest}: is damaged, and was moved to {store.root / 'corrupt'}. It is fetched or made again when needed."
        for digest in damaged
    )
    print_lines([f"{store.root}: {counted(len(damaged), 'damaged blob')}"])
    return 1 if damaged else 0


def _gc(args: argparse.Namespace, store: Store) -> int:
    keep = named_blobs(_named_files(args.keep))
    with Progress("store gc"):
        done = clean(store, keep, args.older_than, args.max_size, args.dry_run)
    if args.json:
        print_json(_cleaned(done, store, args.dry_run))
        return 0
    verb = "would remove" if args.dry_run else "removed"
    print_lines(f"{verb} {name}" for name in done.leftovers)
    print_lines(f"{verb} {blob.digest}, {blob.size} bytes" for blob in done.removed)
    print_lines(f"{verb} {thing.name}, {thing.size} bytes" for thing in done.caches)
    size = sum(blob.size for blob in done.removed) + sum(thing.size for thing in done.caches)
    found = f"{counted(len(done.removed), 'blob')} and {counted(len(done.caches), 'cache')}"
    print_lines([f"{store.root}: {verb} {found}, {size} bytes; {done.kept} bytes stay"])
    return 0


def _cleaned(done: Cleaning, store: Store, is_trial: bool) -> dict[str, Any]:
    return {
        "store": str(store.root),
        "dry_run": is_trial,
        "leftovers": [str(name) for name in done.leftovers],
        "blobs": [{"digest": blob.digest, "size": blob.size} for blob in done.removed],
        "caches": [{"name": thing.name, "size": thing.size} for thing in done.caches],
        "kept": done.kept,
    }


def _named_files(globs: Optional[list[str]]) -> Iterator[Path]:
    if globs is None:
        yield from _locks_below(Path())
        return
    for pattern in globs:
        found = list(_files(pattern))
        if not found:
            raise ModelkilnError(f"--keep {pattern}: matches no file, so nothing would be kept for it. Correct it.")
        yield from found


def _locks_below(top: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _SKIPPED]
        for name in names:
            path = Path(folder, name)
            if path.is_file() and (name.endswith(_LOCKS) or _is_lock(path)):
                yield path


def _is_lock(path: Path) -> bool:
    """Whether a file is a lock whatever it is called: pip's, one of weights, or a pointer of Git LFS."""
    if path.suffix == ".txt" and b"--hash=sha256:" in path.read_bytes():
        return True
    size = path.stat().st_size
    if path.suffix == ".json":
        with path.open("rb") as stream:
            stream.seek(max(0, size - _TAIL))
            return b'"set_digest": "sha256:' in stream.read()
    return size < POINTER_LIMIT and is_pointer(path.read_bytes())


def _files(pattern: str) -> Iterator[Path]:
    top, pattern = (Path("/"), pattern.lstrip("/")) if os.path.isabs(pattern) else (Path(), pattern)
    return (path for path in top.glob(pattern) if path.is_file())


def _age(text: str) -> float:
    match = re.fullmatch(r"(\d+)([mhdw])", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not an age such as 12h, 30d or 8w")
    return int(match[1]) * _SECONDS[match[2]]


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+)\s*([a-z]*)", text.lower())
    if not match or match[2] not in _BYTES:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 50GB")
    return int(match[1]) * _BYTES[match[2]]
