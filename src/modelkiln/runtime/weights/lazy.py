"""Lazy weights: a package that carries their lock, and has the files from a store that hosts share."""

import os
import shutil
from pathlib import Path

from modelkiln.runtime.errors import PackageError
from modelkiln.runtime.weights.lock import read_lock
from modelkiln.runtime.weights.store import STAMPED, WeightsStore, sha256_of, stamp_of, store_root
from modelkiln.runtime.weights.view import external_data, link_file

__all__ = ["fetch_weights", "found_files", "state", "view_folder"]


def fetch_weights(package, everything=False):
    """Return the folder with the package's model artifact files, fetched where they are missing.

    Files that are read on demand are fetched with `everything` alone. Nothing is hashed that was
    verified before and has not changed since: then this costs one stat a file. Raises PackageError.
    """
    lock, store = read_lock(package), WeightsStore(store_root())
    view, stamps = store.view(lock.set_digest), store.stamps(lock.set_digest)
    files = [file for file in lock.files if everything or not file.on_demand]
    if stamps and all(stamps.get(file.path, 0) == stamp_of(view / file.path) for file in files):
        return view
    missing = [file for file in files if not _check(file, store, stamps.get(file.path))]
    if missing:
        from modelkiln.runtime.weights.fetch import fetch_files
        from modelkiln.runtime.weights.progress import Progress

        fetch_files(missing, store, Progress(sum(file.size for file in missing)))
    try:
        store.fill_view(lock.set_digest, lock.files, stamps)
    except (OSError, PackageError):
        return _temporary_view(lock, store)
    fresh = {file.path: stamp_of(view / file.path) for file in files}
    store.keep_stamps(lock.set_digest, {**stamps, **fresh})
    return view


def _check(file, store, stamp):
    """Whether the store has the file, verified now unless it is as it was when it last was.

    A damaged one is moved away.
    """
    blob = store.blob(file.sha256)
    found = stamp_of(blob)
    if found is None:
        return False
    if stamp and found[:STAMPED] == stamp[:STAMPED]:
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
        present = {file.path: store.blob(file.sha256) for file in lock.files if store.blob(file.sha256).exists()}
        for path in external_data(present, lambda path: present[path].open("rb")):
            (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(present[path], Path(folder) / path)
        for file in lock.files:
            link_file(Path(folder) / file.path, store.blob(file.sha256))
    except OSError as error:
        raise PackageError(
            f"{store.root}: cannot be written, and has no view of these weights, and there is no temporary folder "
            f"for one either ({error.strerror}). Run the package's `fetch` on the store before it is mounted."
        ) from None
    return Path(folder)


def view_folder(package):
    """Return the folder that the inference script gets; it may not be there yet."""
    return WeightsStore(store_root()).view(read_lock(package).set_digest)


def found_files(package):
    """Return {path: file} of the files that are here, by their sizes alone: none is read.

    What lies in the view is what the inference script opens, whatever the store has.
    """
    lock, store = read_lock(package), WeightsStore(store_root())
    view, found = store.view(lock.set_digest), {}
    for file in lock.files:
        is_viewed = os.path.exists(view / file.path)
        place = view / file.path if is_viewed else store.blob(file.sha256)
        if is_viewed or (stamp_of(place) or [0])[0] == file.size:
            found[file.path] = place
    return found


def state(package):
    """Return what `info` reports of the weights: the store, and which files are not in it yet."""
    found, files = found_files(package), package.record["artifacts"]
    missing = [file for file in files if file["path"] not in found]
    return {
        "store": str(store_root()),
        "missing": [file["path"] for file in missing],
        "missing_size": sum(file["size"] for file in missing),
    }
