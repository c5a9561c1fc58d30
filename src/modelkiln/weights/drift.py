"""A weights lock compared with what its source holds."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Iterator

from modelkiln.digest import iter_chunks
from modelkiln.errors import ModelkilnError
from modelkiln.network.http import NETWORK_ERRORS
from modelkiln.progress import Progress
from modelkiln.sources.source import SourceFile
from modelkiln.store.file_index import FileIndex
from modelkiln.store.store import Store
from modelkiln.weights.grouping import group_files
from modelkiln.weights.known_files import known_files, stamps_of
from modelkiln.weights.lock import WeightsLock
from modelkiln.weights.renames import find_renames
from modelkiln.weights.selection import FoundFiles, WeightsSource, find_files

__all__ = ["find_drift"]

_JOBS = 4


def find_drift(wanted: WeightsSource, store: Store, lock: WeightsLock) -> list[str]:
    """Return what differs between `lock` and the source now, one sentence each; nothing is kept.

    Files that have a version or unchanged times are compared by what they were; others are read.
    """
    found = find_files(wanted, store)
    differences = list(_source_differences(found, lock))
    stamps = stamps_of(found)
    known = {file.path: file.sha256 for file in known_files(found, store, lock, stamps)}
    recalled = FileIndex(store.root).get_files({stamp.text for stamp in stamps.values() if stamp.text})
    for path, stamp in stamps.items():
        if stamp.text in recalled:
            known.setdefault(path, recalled[stamp.text][0])
    todo = [file for file in found.files if file.path not in known and not file.sha256]
    total = sum(file.size or 0 for file in todo)
    with Progress(f"check {wanted.where}", total) as progress, ThreadPoolExecutor(_JOBS) as pool:
        known.update(pool.map(lambda file: (file.path, _sha256(found, file, progress)), todo))
    now = {file.path: known.get(file.path, file.sha256 or "") for file in found.files}
    locked = {file.path: file.sha256 for file in lock.files}
    renames = find_renames(locked, now)
    for path in sorted({*now, *locked} - set(renames.values())):
        if path in renames:
            differences.append(f"{path}: is called {renames[path]} now; its content is that of the lock.")
        elif path not in locked:
            differences.append(f"{path}: is not in the lock.")
        elif path not in now:
            differences.append(f"{path}: is in the lock and no longer at the source.")
        elif now[path] != locked[path]:
            differences.append(f"{path}: has sha256 {now[path]}, the lock says {locked[path]}.")
    return differences


def _source_differences(found: FoundFiles, lock: WeightsLock) -> Iterator[str]:
    for key, value in found.to_json().items():
        if lock.source.get(key) != value:
            yield f"{key}: is {value!r}, the lock says {lock.source.get(key)!r}."
    if dict(found.listing.facts) != dict(lock.facts):
        yield "facts: the source states other facts of the model than the lock."
    groups = group_files((file.path, file.size) for file in lock.files)
    if groups != [list(layer.files) for layer in lock.layers]:
        yield "layers: files are packed into layers in another way than by this version of Modelkiln."


def _sha256(found: FoundFiles, file: SourceFile, progress: Progress) -> str:
    hasher = hashlib.sha256()
    try:
        with found.source.open(file) as stream:
            for chunk in iter_chunks(stream):
                hasher.update(chunk)
                progress.add(len(chunk))
    except NETWORK_ERRORS as error:
        raise ModelkilnError(f"{found.wanted.where}: {file.path}: {error}. Try again.") from error
    return hasher.hexdigest()
