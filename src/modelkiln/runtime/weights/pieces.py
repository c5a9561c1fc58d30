"""Pieces of a file from one place into a Partial: in parallel, again after a cut, checked where they can be."""

import hashlib
import queue
import sys
import threading
import time

from modelkiln.runtime.weights.http import NETWORK_ERRORS, Refused, explain, is_final, is_unreachable, retry_after

__all__ = ["Pace", "PlaceFailed", "fetch_pieces", "in_parallel", "try_places"]

# Requests at a time. Object stores and registries give each connection a part of the line.
WORKERS = 8
# Seconds before the next try while nothing arrives.
WAITS = (0.3, 1.0, 2.0, 4.0)
_READ = 1 << 20
# A place that brings less than this for so long is left for the next one: a line that is no better brings a
# gigabyte in a day.
LEAST_RATE = 10_000
WINDOW_SECONDS = 30.0


class PlaceFailed(Exception):
    """A place did not give what it should; the message says why. unreachable: no server answered. slow: it may
    well give it, in time."""

    def __init__(self, message, unreachable=False, slow=False):
        super().__init__(message)
        self.unreachable, self.slow = unreachable, slow


class Slow(Refused):
    """A place that is slower than the least rate."""


class Pace:
    """Measures what arrives of a file from one place, over all of its connections.

    is_patient: whether any rate will do, as there is no other place.
    """

    def __init__(self, is_patient=False):
        self._is_patient, self._is_slow = is_patient, False
        self._size, self._since, self._lock = 0, time.monotonic(), threading.Lock()

    def count(self, size):
        """Count bytes that have arrived; raises Slow, from then on each time."""
        with self._lock:
            self._size += size
            elapsed = time.monotonic() - self._since
            if self._is_patient or (elapsed < WINDOW_SECONDS and not self._is_slow):
                return
            if self._is_slow or self._size < LEAST_RATE * elapsed:
                self._is_slow = True
                raise Slow(f"gave less than {LEAST_RATE // 1000} kB a second")
            self._size, self._since = 0, time.monotonic()


def try_places(places, silent, fetch):
    """Return None when `fetch(place, pace)` has done its work for one of `places`, else why not: (place, reason) each.

    Those that were slow are tried again when no other place has it, with all patience. silent: hosts that did not
    answer, which are not waited for again.
    """
    tried, slow = [], []
    for place, is_patient in [(place, len(places) == 1) for place in places]:
        if place.host in silent:
            tried.append((place, "its host did not answer"))
            continue
        try:
            return fetch(place, Pace(is_patient))
        except PlaceFailed as error:
            (slow if error.slow else tried).append((place, error))
            silent += [place.host] if error.unreachable else []
    for place, _ in slow:
        try:
            return fetch(place, Pace(is_patient=True))
        except PlaceFailed as error:
            tried.append((place, error))
    return tried


def fetch_pieces(place, file, partial, indices, progress, mark, pace):
    """Fetch the pieces `indices` (ascending) of `file` from `place` into `partial`; raises PlaceFailed.

    mark(index) is called for each when it is there, from any thread. Of a server that knows no
    ranges the whole file is read, in order, and that only where all that misses is asked for. pace: a Pace.
    """
    if not indices:
        return
    stream = retried(lambda: place.open(*partial.span(indices[0])), lambda: 0)
    if not stream.partial:
        stream.close()
        if indices != partial.missing():
            raise PlaceFailed("knows no ranges, so that a part of a file cannot be read")
        _fetch_in_order(place, file, partial, progress, mark, pace)
        return
    opened = {indices[0]: stream}

    def fetch(index):
        _Piece(file, partial, index, progress, pace).fetch(place, opened.pop(index, None))
        mark(index)

    error = in_parallel(indices, fetch)
    if error:
        raise error


def in_parallel(items, action):
    """Do `action` for all items on several threads; returns the first error, after which none begins."""
    waiting, errors = queue.SimpleQueue(), []
    for item in items:
        waiting.put(item)

    def work():
        try:
            while not errors:
                action(waiting.get_nowait())
        except queue.Empty:
            pass
        except BaseException as error:
            errors.append(error)

    # Daemons, so that an interrupted process does not wait for a slow server.
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(WORKERS, len(items)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors[0] if errors else None


def retried(action, done):
    """Return `action()`, tried again after passing errors: while `done()` does not grow four times,
    and twice where no server answers. Raises PlaceFailed.
    """
    failures, before = 0, done()
    while True:
        try:
            return action()
        except (*NETWORK_ERRORS, Refused) as error:
            failures, before = (failures + 1 if done() == before else 1), done()
            if is_final(error) or failures > (2 if is_unreachable(error) else len(WAITS)):
                raise PlaceFailed(explain(error), is_unreachable(error), isinstance(error, Slow)) from error
            asked = retry_after(getattr(error, "headers", None))
            if asked >= 1:
                print(f"{explain(error)}; trying again in {asked:.0f} s", file=sys.stderr, flush=True)
            time.sleep(max(WAITS[failures - 1], asked))


class _Piece:
    """A piece on its way; `position` is how far it has come."""

    def __init__(self, file, partial, index, progress, pace):
        self._file, self._partial, self._index, self._progress = file, partial, index, progress
        self._pace = pace
        self._start, self.end = partial.span(index)
        self.position, self._hasher = self._start, hashlib.sha256()

    def fetch(self, place, stream):
        """Fetch it from `place`, first from `stream` if it has been opened already."""
        opened = [stream] if stream else []
        try:
            retried(lambda: self._go_on(place, opened), lambda: self.position)
            self.check()
        except BaseException:
            self.forget()
            raise

    def _go_on(self, place, opened):
        self._pace.count(0)  # A server that has been silent is not asked again and again.
        stream = opened.pop() if opened else place.open(self.position, self.end)
        try:
            if stream.position != self.position:
                raise Refused("no longer answers with the part that was asked for")
            self.receive(stream)
        finally:
            stream.close()

    def receive(self, stream):
        """Write what comes until the piece ends; raises ConnectionError when it ends too early."""
        while self.position < self.end:
            data = _read(stream, self.end - self.position, self.position, self._file, self._pace)
            self._partial.write(data, self.position)
            if self._file.chunks:
                self._hasher.update(data)
            self.position += len(data)
            self._progress.add(len(data))

    def check(self):
        """Raise PlaceFailed for bytes other than those that were locked."""
        chunks = self._file.chunks
        if chunks and self._hasher.hexdigest() != chunks["sha256"][self._index]:
            raise PlaceFailed(
                f"has other bytes: those from {self._start} to {self.end} have sha256 {self._hasher.hexdigest()}, "
                f"want {chunks['sha256'][self._index]}"
            )

    def forget(self):
        """Take back from the progress what came: it will have to come again."""
        self._progress.add(self._start - self.position)


def _read(stream, size, position, file, pace):
    data = stream.read(min(_READ, size))
    if not data:
        raise ConnectionError(f"the line was cut after {position} of {file.size} bytes")
    pace.count(len(data))
    return data


def _fetch_in_order(place, file, partial, progress, mark, pace):
    def go_on():
        pace.count(0)
        stream = place.open(0, file.size)
        try:
            _skip(stream, -stream.position, file, pace)
            for index in range(partial.pieces):
                start, end = partial.span(index)
                if partial.done[index]:
                    _skip(stream, end - start, file, pace)
                    continue
                piece = _Piece(file, partial, index, progress, pace)
                try:
                    piece.receive(stream)
                    piece.check()
                except BaseException:
                    piece.forget()
                    raise
                mark(index)
        finally:
            stream.close()

    retried(go_on, partial.arrived)


def _skip(stream, size, file, pace):
    while size > 0:
        size -= len(_read(stream, size, 0, file, pace))
