"""`modelkiln build lock-weights`: a model artifact's source becomes exact files, pinned by hash."""

import argparse
import gc
import sys
from pathlib import Path
from typing import Optional

from modelkiln.checks.allowed import Allowed
from modelkiln.checks.check import Options
from modelkiln.cli.allowed import add_allowed, allowed_of
from modelkiln.cli.lock.lock_file import write_lock
from modelkiln.errors import ModelkilnError
from modelkiln.store.store import Store
from modelkiln.weights.drift import find_drift
from modelkiln.weights.formats import check_locked, source_place
from modelkiln.weights.lock import WeightsLock, load_weights_lock
from modelkiln.weights.locking import lock_weights
from modelkiln.weights.renames import describe_renames
from modelkiln.weights.selection import WeightsSource, find_files
from modelkiln.wording import counted

HELP = "Read a model artifact's files into the store once, and write their lock."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build lock-weights`."""
    parser.add_argument("--source", required=True, help="URI, path or pattern")
    parser.add_argument("--include", action="append", default=[], help="pattern of files to take; default: all")
    parser.add_argument("--exclude", action="append", default=[], help="pattern of files to leave out")
    parser.add_argument("--folder", type=Path, default=Path(), help="what a path is relative to")
    parser.add_argument("--inside", default="", help="the folder of the artifact that its files lie in; default: none")
    parser.add_argument("--where", required=True, help="the target's address, for messages")
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    add_allowed(parser)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where the lock differs")
    parser.add_argument("lock", type=Path, metavar="LOCK", help="the lock to write")


def run(args: argparse.Namespace) -> int:
    """Write the lock where it changed, and say what is in it."""
    # Ten thousand files are a hundred thousand objects, none of them in a cycle: looking for some takes
    # longer than hashing the files.
    gc.set_threshold(200_000)
    patterns = tuple(args.include), tuple(args.exclude)
    wanted = WeightsSource(args.source, args.folder, args.where, *patterns, args.inside)
    store = Store(args.store)
    before = _read(args.lock)
    allowed = allowed_of(args)
    if args.check:
        return _check(wanted, store, before, args.lock, allowed)
    known = _usable(before, args.lock, args.where)
    lock = lock_weights(wanted, store, known, allowed)
    text = lock.to_text()
    state = "unchanged" if text == before else "written"
    if text != before:
        write_lock(args.lock, text)
    print("\n".join((f"{args.lock.name}: {state}, {_summary(lock)}", *describe_renames(known, lock, store))))
    return 0


def _check(wanted: WeightsSource, store: Store, text: Optional[str], path: Path, allowed: Allowed) -> int:
    if text is None:
        raise ModelkilnError(f"{path}: the lock does not exist. Write it with `pants lock {wanted.where}`.")
    lock = load_weights_lock(text, str(path), wanted.where)
    found = find_files(wanted, store)
    differences = find_drift(found, store, lock)
    for name, says, is_now in (
        ("allow_pickle", lock.allowed.pickle, allowed.pickle),
        ("allow_code", lock.allowed.code, allowed.code),
    ):
        if set(says or ()) != set(is_now or ()):
            differences.append(f"{name}: is {is_now and list(is_now)!r}, the lock says {says!r}.")
    if not differences:
        # That the lock says what the source has does not say that anybody has checked it.
        options, files = Options.of(wanted.where, lock.allowed), {file.path: file for file in found.files}
        sizes = {file.path: file.size for file in lock.files}
        check_locked(
            lock, store, options, lambda path: source_place(found.source, files[path], sizes[path], wanted.where)
        )
    for difference in differences:
        print(f"{wanted.where}: {difference}")
    print(f"{path.name}: {'differs' if differences else 'unchanged'}")
    return 1 if differences else 0


def _summary(lock: WeightsLock) -> str:
    return f"{counted(len(lock.files), 'file')} of {counted(lock.size, 'byte')} in {counted(len(lock.layers), 'layer')}"


def _read(path: Path) -> Optional[str]:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelkilnError(f"{path}: cannot be read as a lock ({error}).") from None


def _usable(text: Optional[str], path: Path, where: str) -> Optional[WeightsLock]:
    """The existing lock; None for one that is broken, and will be written anew."""
    if text is None:
        return None
    try:
        return load_weights_lock(text, str(path), where)
    except ModelkilnError as error:
        print(f"{error} It is written anew.", file=sys.stderr)
        return None
