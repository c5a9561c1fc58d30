"""Parts of a file of lazy weights, without the rest of it."""

import os

from modelkiln.runtime.errors import PackageError
from modelkiln.runtime.record import find_package
from modelkiln.runtime.weights.lock import read_lock
from modelkiln.runtime.weights.partial import Partial
from modelkiln.runtime.weights.pieces import PlaceFailed, fetch_pieces, retried, try_places
from modelkiln.runtime.weights.places import describe_failure, places_of
from modelkiln.runtime.weights.progress import Progress
from modelkiln.runtime.weights.store import WeightsStore, store_root

__all__ = ["open_ranges"]


def open_ranges(path, allow_unverified=False):
    """Return the file of the package's weights lock at `path`: `size` (bytes) and `read(start, end)`.

    Raises PackageError for a path that the lock does not know, and for a file of which parts
    cannot be verified unless `allow_unverified`.
    """
    package = find_package()
    files = read_lock(package).files if package.is_lazy else ()
    # The folder is a view of the store, or a temporary one: what is below it identifies the file.
    name = os.fspath(path).replace(os.sep, "/")
    found = max((file for file in files if f"/{name}".endswith(f"/{file.path}")), key=_length, default=None)
    if found is None:
        raise PackageError(f"{path}: is not here, and is not a file of the package's weights lock.")
    if found.chunks:
        return _VerifiedRanges(found, WeightsStore(store_root()))
    if not allow_unverified:
        raise PackageError(
            f"{path}: the lock has no digests of its chunks, so that a part of it cannot be verified. Read it "
            "with allow_unverified=True, or take the file out of the package's `on_demand`."
        )
    return _UnverifiedRanges(found)


def _length(file):
    return len(file.path)


class _VerifiedRanges:
    """Reads whole chunks, each verified, and keeps them in the store for the next reader."""

    def __init__(self, file, store):
        self._file, self._store, self.size = file, store, file.size

    def read(self, start, end):
        """Return the bytes from `start` up to `end`; raises PackageError."""
        if start == end:
            return b""
        blob, progress = self._store.blob(self._file.sha256), Progress(0)
        with self._store.lock(self._file.sha256, progress.waiting):
            if blob.exists():
                with open(blob, "rb") as stream:
                    stream.seek(start)
                    return stream.read(end - start)
            with Partial(self._store, self._file) as partial:
                first, last = start // partial.piece, (end - 1) // partial.piece
                progress.total = (last - first + 1) * partial.piece
                self._fetch(partial, range(first, last + 1), progress)
                return partial.read(end - start, start)

    def _fetch(self, partial, wanted, progress):
        def fetch(place, pace):
            indices = [index for index in partial.missing() if index in wanted]
            fetch_pieces(place, self._file, partial, indices, progress, partial.mark, pace)

        if not any(index in wanted for index in partial.missing()):
            return
        tried = try_places(places_of(self._file), [], fetch)
        if tried is not None:
            raise PackageError(describe_failure(self._file, tried))


class _UnverifiedRanges:
    """Reads exactly what is asked for, and keeps nothing: nothing says whether it is right."""

    def __init__(self, file):
        self._file, self.size = file, file.size

    def read(self, start, end):
        """Return the bytes from `start` up to `end`; raises PackageError."""
        tried = []
        for place in places_of(self._file) if end > start else ():
            try:
                return retried(lambda: self._read(place, start, end), lambda: 0)  # noqa: B023
            except PlaceFailed as error:
                tried.append((place, error))
        if end > start:
            raise PackageError(describe_failure(self._file, tried))
        return b""

    def _read(self, place, start, end):
        stream = place.open(start, end)
        try:
            if stream.position != start:
                raise PlaceFailed("knows no ranges, so that a part of a file cannot be read")
            parts = []
            while start < end:
                parts.append(stream.read(min(end - start, 1 << 20)))
                start += len(parts[-1])
                if not parts[-1]:
                    raise ConnectionError(f"the line was cut after {start} bytes")
            return b"".join(parts)
        finally:
            stream.close()
