"""Lazy weights: a package that carries their lock, and has the files from a store that hosts share."""

import os
import shutil
from pathlib import Path

from modelkiln.runtime.errors import PackageError
from modelkiln.runtime.weights.lock import read_lock
from modelkiln.runtime.weights.store import WeightsStore, link_files, sha256_of, store_root

__all__ = ["fetch_weights", "found_blobs", "is_lazy", "state"]


def is_lazy(package):
    """Whether the package fetches its weights, and nobody has put them somewhere (MODELKILN_MODELS)."""
    return package.record.get("weights") == "lazy" and not os.environ.get("MODELKILN_MODELS")


def fetch_weights(package, everything=False):
    """Return the folder with the package's model artifact files, fetched where they are missing.

    Files that are read on demand are fetched with `everything` alone. Nothing is hashed that was
    verified before and has not changed since: then this costs one stat a file. Raises PackageError.
    """
    lock, store = read_lock(package), WeightsStore(store_root())
    view, stamps = store.view(lock.set_digest), store.stamps(lock.set_digest)
    files = [file for file in lock.files if everything or not file.on_demand]
    if stamps and all(stamps.get(file.path, 0) == _stamp(view / file.path) for file in files):
        return view
    missing = [file for file in files if not _check(file, store, stamps.get(file.path))]
    if missing:
        from modelkiln.runtime.weights.fetch import fetch_files
        from modelkiln.runtime.weights.progress import Progress

        fetch_files(missing, store, Progress(sum(file.size for file in missing)))
    fresh = {file.path: _stamp(store.blob(file.sha256)) for file in files}
    try:
        store.write_view(lock, {**stamps, **fresh})
    except OSError:
        return _temporary_view(lock, store)
    return view


def _stamp(path):
    """What changes with a file: its size and its time of modification (ns); None without a file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def _check(file, store, stamp):
    """Whether the store has the file, verified now unless it is as it was when it last was.

    A damaged one is moved away.
    """
    blob = store.blob(file.sha256)
    found = _stamp(blob)
    if found is None:
        return False
    if found == stamp:
        return True
    if found[0] == file.size and sha256_of(blob) == file.sha256:
        return True
    try:
        store.set_aside(file.sha256)
    except OSError as error:
        raise PackageError(
            f"{blob}: is not the file that its name says, and cannot be moved away: {error.strerror}. Remove it, or "
            "set MODELKILN_STORE to another folder."
        ) from None
    return False


def _temporary_view(lock, store):
    """A view for this process alone, of a store that cannot be written."""
    import atexit
    import tempfile

    try:
        folder = tempfile.mkdtemp(prefix="modelkiln-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        link_files(Path(folder), lock.files, lambda file: store.blob(file.sha256))
    except OSError as error:
        raise PackageError(
            f"{store.root}: cannot be written, and has no view of these weights, and there is no temporary folder "
            f"either ({error.strerror}). Run the package's `fetch` on the store before it is mounted."
        ) from None
    return Path(folder)


def found_blobs(package):
    """Return {path: blob} of the files that are in the store, by their sizes alone: none is read."""
    lock, store = read_lock(package), WeightsStore(store_root())
    blobs = {file.path: store.blob(file.sha256) for file in lock.files}
    return {file.path: blobs[file.path] for file in lock.files if (_stamp(blobs[file.path]) or [0])[0] == file.size}


def state(package):
    """Return what `info` reports of the weights: the store, and which files are not in it yet."""
    found, files = found_blobs(package), package.record["artifacts"]
    missing = [file for file in files if file["path"] not in found]
    return {
        "store": str(store_root()),
        "missing": [file["path"] for file in missing],
        "missing_size": sum(file["size"] for file in missing),
    }
