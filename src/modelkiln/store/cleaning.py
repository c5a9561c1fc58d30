"""Care of a store: what is in it, whether it is whole, and what can go.

Each step leaves a consistent store, also when the process is killed: a blob is there or gone, and
what a dead process left half-made has no blob's name. Users of the store need not stop.
"""

import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, Iterator, Optional, Union

from modelkiln.machine.file_locks import is_locked
from modelkiln.machine.settings import abandoned_settings
from modelkiln.progress import Progress
from modelkiln.store.caches import PEX_RUN, CachedThing, PexRuns, held_blobs, list_caches
from modelkiln.store.file_index import FileIndex
from modelkiln.store.store import BLOBS, VIEWS, Store
from modelkiln.store.users import Users, cleaning, next_file_time, register

__all__ = ["Cleaning", "StoredBlob", "clean", "list_blobs", "named_blobs", "verify"]

_HEX = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
# Damaged blobs are kept to be looked at, and parts of files to be gone on with, for a week. Temporary
# things with no owner's name are of an older Modelkiln: no build takes a day.
_WEEK_SECONDS = 7 * 86400
_DAY_SECONDS = 86400


@dataclass(frozen=True)
class StoredBlob:
    """A blob: digest, size (bytes on disk as its length) and when it was last used (ns, Unix time).

    A process marks a blob once, so a use may be as late as the end of the process that it names.
    """

    digest: str
    size: int
    used_ns: int


@dataclass
class Cleaning:
    """What went, or would go. removed: blobs. caches: what can be made again without them. leftovers:
    names of half-made and damaged things. kept: bytes of blobs and caches that stay."""

    removed: list[StoredBlob] = field(default_factory=list)
    caches: list[CachedThing] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    kept: int = 0


def list_blobs(store: Store) -> Iterator[StoredBlob]:
    """Yield all blobs, by digest."""
    top = store.root / BLOBS
    for folder in sorted(os.listdir(top)) if top.is_dir() else ():
        for name in sorted(os.listdir(top / folder)):
            with suppress(FileNotFoundError):
                status = os.stat(top / folder / name)
                yield StoredBlob(f"sha256:{name}", status.st_size, status.st_mtime_ns)


def verify(store: Store, jobs: Optional[int] = None) -> list[str]:
    """Read all blobs; returns the digests of damaged ones, which were quarantined."""
    blobs = list(list_blobs(store))
    with Progress("verify", sum(blob.size for blob in blobs)) as progress:

        def check(blob: StoredBlob) -> Optional[str]:
            is_whole = store.verify(blob.digest, progress.add)
            # Another process may have removed it meanwhile.
            is_damaged = not is_whole and (store.root / "corrupt" / blob.digest[7:]).exists()
            return blob.digest if is_damaged else None

        with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
            return [digest for digest in pool.map(check, blobs) if digest]


def named_blobs(files: Iterable[Path]) -> set[str]:
    """Return all digests that stand in locks and records: 64 hex digits, whatever surrounds them."""
    found: set[str] = set()
    for path in files:
        found.update(f"sha256:{name.decode()}" for name in _HEX.findall(path.read_bytes()))
    return found


def clean(
    store: Store,
    keep: set[str],
    older_than: Optional[float] = None,
    max_bytes: Optional[int] = None,
    is_trial: bool = False,
) -> Cleaning:
    """Remove blobs and caches that were not used for `older_than` seconds, then the longest unused ones
    until at most `max_bytes` are left; and what dead processes left.

    keep: digests that stay in any case, and with them the blobs that such files are in. What a
    living process uses stays too. is_trial: report what would go, and remove nothing.
    """
    register(store.root)
    # The time before users: what one that comes later marks is younger. Names too: the owner of a listed thing was one.
    now = next_file_time(store.root)
    names = list(_temporary(store))
    users = Users(store.root)
    done = Cleaning(leftovers=list(_remove_leftovers(store, names, users, is_trial)))
    in_use_ns = min(now, users.oldest_ns) if users.oldest_ns is not None else now
    limits = _Limits(None if older_than is None else now - older_than * 1e9, max_bytes, in_use_ns, frozenset(keep))
    lock = PexRuns(store.root).lock()
    try:
        before = -1
        # What environments share counts for those that are left: until no more of them goes.
        while before != len(done.caches):
            before = len(done.caches)
            _clean_once(store, limits, lock is not None, is_trial, done)
            if is_trial:
                break
    finally:
        if lock is not None:
            os.close(lock)
    if not is_trial:
        FileIndex(store.root).forget_tar_members(blob.digest for blob in done.removed)
    return done


@dataclass(frozen=True)
class _Limits:
    """before_ns: what was used before goes. in_use_ns: what was used after stays."""

    before_ns: Optional[float]
    max_bytes: Optional[int]
    in_use_ns: int
    keep: frozenset[str]


def _clean_once(store: Store, limits: _Limits, is_alone: bool, is_trial: bool, done: Cleaning) -> None:
    found: list[Union[StoredBlob, CachedThing]] = [*list_blobs(store), *list_caches(store.root)]
    things = sorted(found, key=_by_use)
    done.kept = sum(thing.size for thing in things)
    for thing in things:
        is_old = limits.before_ns is not None and thing.used_ns < limits.before_ns
        is_too_much = limits.max_bytes is not None and done.kept > limits.max_bytes
        is_left = isinstance(thing, CachedThing) and thing.is_left
        if is_left or ((is_old or is_too_much) and thing.used_ns < limits.in_use_ns):
            _clean_one(store, thing, limits.keep, is_alone, is_trial, done)
    # What the environments that went had for themselves.
    for thing in PexRuns(store.root).unused() if done.caches and is_alone and not is_trial else ():
        _remove_cache(store, thing)


def _by_use(thing: Union[StoredBlob, CachedThing]) -> tuple[int, str]:
    return thing.used_ns, thing.digest if isinstance(thing, StoredBlob) else thing.name


def _clean_one(
    store: Store,
    thing: Union[StoredBlob, CachedThing],
    keep: frozenset[str],
    is_alone: bool,
    is_trial: bool,
    done: Cleaning,
) -> None:
    if isinstance(thing, CachedThing):
        if thing.name.startswith(f"{PEX_RUN}/") and not is_alone:
            return
        if not is_trial and not _remove_cache(store, thing):
            return
        done.caches.append(thing)
    else:
        files = FileIndex(store.root).files_in(thing.digest)
        if thing.digest in keep or not keep.isdisjoint(f"sha256:{name}" for name in files):
            return
        if not is_trial and not _remove(store, thing):
            return
        done.removed.append(thing)
    done.kept -= thing.size


def _remove_cache(store: Store, thing: CachedThing) -> bool:
    """Take a thing away at once, also for who is killed meanwhile, and then remove it; False where it is in use."""
    folder, prefix = store.temporary_location("incoming")
    if thing.name.startswith(f"{VIEWS}/"):
        _give_back(store, thing.paths[0])
    asides = []
    # As a blob: who marks it marks it before it is looked at, or finds it gone.
    with cleaning(store.root), thing.alone() as is_alone:
        for path in thing.paths if is_alone else ():
            aside = folder / f"{prefix}{os.urandom(8).hex()}"
            with suppress(OSError):
                os.rename(path, aside)
                asides.append(aside)
    for aside in asides:
        with suppress(OSError):
            _remove_tree(aside)
    return is_alone


def _give_back(store: Store, view: Path) -> None:
    """Put the blobs that a view holds to their names, in the place of links to it."""
    top = os.path.realpath(view) + os.sep
    for file, blob in held_blobs(store.root).items():
        if file.startswith(top):
            with suppress(OSError):
                os.replace(file, blob)


def _remove(store: Store, blob: StoredBlob) -> bool:
    """Remove a blob unless it was used since it was listed; with it the file in a view that its name is a link to."""
    path = store.path(blob.digest)
    with cleaning(store.root):
        try:
            if os.stat(path).st_mtime_ns != blob.used_ns:
                return False
            holder = store.holder(blob.digest)
            path.unlink()
            Path(holder).unlink(missing_ok=True)
        except FileNotFoundError:
            return False
    return True


def _temporary(store: Store) -> Iterator[Path]:
    for kind in ("incoming", "roots", "partial", "corrupt"):
        with suppress(FileNotFoundError):
            yield from sorted((store.root / kind).iterdir())
    yield from abandoned_settings(store.root)


def _remove_leftovers(store: Store, names: Iterable[Path], users: Users, is_trial: bool) -> Iterator[str]:
    for path in names:
        try:
            age = time.time() - path.lstat().st_mtime
        except FileNotFoundError:
            continue
        if path.parent.name == "machine":
            is_left = True
        elif path.parent.name in ("partial", "corrupt"):
            is_left = age > _WEEK_SECONDS and not is_locked(path)
        else:
            token, dash, _ = path.name.partition("-")
            is_left = token not in {*users.tokens, users.own} if dash else age > _DAY_SECONDS and not is_locked(path)
        if is_left:
            if not is_trial:
                _remove_tree(path)
            yield f"{path.parent.name}/{path.name}"


def _remove_tree(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        # An unpacked image has folders that their owner may not write to.
        for folder, _, _ in os.walk(path):
            with suppress(OSError):
                os.chmod(folder, 0o700)
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
