"""Files of a package's weights from their places to the store, verified before they get a name there."""

import hashlib
import shutil
import threading

from modelkiln.runtime.errors import PackageError
from modelkiln.runtime.weights.partial import PIECE, Partial
from modelkiln.runtime.weights.pieces import PlaceFailed, fetch_pieces, in_parallel, try_places
from modelkiln.runtime.weights.places import describe_failure, places_of

__all__ = ["fetch_files"]

_READ = 1 << 20


def fetch_files(files, store, progress):
    """Put `files` (LazyFiles) into `store`, whole and verified; raises PackageError when one can't be.

    Small ones side by side, then large ones, each in parallel pieces. What has arrived of a file
    is kept for the next try.
    """
    _check_room(files, store)
    silent = []
    small = [file for file in files if file.size <= PIECE]
    error = in_parallel(small, lambda file: fetch_file(file, store, progress, silent))
    if error:
        raise error
    for file in files:
        if file.size > PIECE:
            fetch_file(file, store, progress, silent)


def _check_room(files, store):
    wanted, free = sum(file.size for file in files), shutil.disk_usage(store.incoming(".")).free
    if wanted > free:
        # What earlier tries have left is in no need of room.
        parts = (store.incoming(f"{file.sha256}.part") for file in files)
        wanted -= sum(path.stat().st_blocks * 512 for path in parts if path.exists())
    if wanted > free:
        raise PackageError(
            f"{store.root}: {wanted} bytes of weights are to be fetched, and {free} are free on its disk. "
            "Make room, or set MODELKILN_STORE to a folder that has it."
        )


def fetch_file(file, store, progress, silent):
    """Put one file into `store`, by this process or by another that is at it already.

    silent: hosts that did not answer, which are not waited for again.
    """
    with store.lock(file.sha256, progress.waiting):
        if store.blob(file.sha256).exists():
            progress.add(file.size)
            return
        tried = try_places(places_of(file), silent, lambda place, pace: _fetch_from(place, file, store, progress, pace))
        if tried is None:
            return
        raise PackageError(
            f"{describe_failure(file, tried)}\nNothing of it is used. Where these places cannot be reached, name a "
            "mirror in MODELKILN_WEIGHTS_URL, or fill a store elsewhere (the package's command `fetch`, with "
            f"MODELKILN_STORE) and bring it here as {store.root}."
        )


def _fetch_from(place, file, store, progress, pace):
    """Fetch from one place; raises PlaceFailed.

    After a cut the pieces that have arrived stay. Of a file with another sha256 nothing does; and
    where an earlier try had left a part of it, that may be what is wrong, and all is fetched anew.
    """
    while True:
        with Partial(store, file) as partial:
            resumed = partial.arrived()
            actual = _fetch_whole(place, file, partial, progress, pace)
            if actual == file.sha256:
                partial.adopt()
                return
            partial.discard()
            progress.add(-file.size)
        if not resumed:
            raise PlaceFailed(f"has sha256 {actual}")


def _fetch_whole(place, file, partial, progress, pace):
    progress.add(partial.arrived())
    follower = _Follower(partial)
    try:
        fetch_pieces(place, file, partial, partial.missing(), progress, follower.mark, pace)
    except BaseException:
        follower.stop()
        progress.add(-partial.arrived())
        raise
    return follower.result()


class _Follower:
    """Hashes a Partial in order while its pieces arrive, so that little is left to do at the end."""

    def __init__(self, partial):
        self._partial, self._hasher = partial, hashlib.sha256()
        self._changed, self._stopped = threading.Condition(), False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def mark(self, index):
        """A piece has arrived."""
        with self._changed:
            self._partial.mark(index)
            self._changed.notify()

    def _run(self):
        for index in range(self._partial.pieces):
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or self._partial.done[index])  # noqa: B023
            position, end = self._partial.span(index)
            while position < end and not self._stopped:
                data = self._partial.read(min(_READ, end - position), position)
                if not data:
                    return
                self._hasher.update(data)
                position += len(data)

    def result(self):
        """The sha256 (hex) of the file, all of which has arrived."""
        self._thread.join()
        return self._hasher.hexdigest()

    def stop(self):
        """End early."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()
