"""Threads that wait for work: handing it over is the release of a lock that one of them waits for."""

import threading
import weakref

__all__ = ["Threads"]


class Threads:
    """At most `limit` threads, each made when no other one waits. They end with this object, or with `close`."""

    def __init__(self, limit):
        self._limit, self._count, self._lock = limit, 0, threading.Lock()
        self._waiting = _Waiting()
        # They hold what they wait in and not this object, so that it can go.
        self.close = weakref.finalize(self, self._waiting.close)

    def start(self, work):
        """Have a waiting thread call `work()`, which raises nothing; returns False where none is to be had."""
        thread = self._waiting.take() or self._make()
        if thread is not None:
            thread.ring(work)
        return thread is not None

    def _make(self):
        with self._lock:
            if self._count == self._limit:
                return None
            try:
                thread = _Thread(self._waiting)
            except RuntimeError:  # The machine, or a process that ends, has no thread to give.
                return None
            self._count += 1
            return thread


class _Waiting:
    """The threads that have nothing to do, last in first out: the last one's memory is warm."""

    def __init__(self):
        self._threads, self._is_closed = [], False

    def take(self):
        """Return one of them, or None."""
        try:
            return self._threads.pop()
        except IndexError:
            return None

    def add(self, thread):
        """Take a thread that has done its work."""
        self._threads.append(thread)
        if self._is_closed:
            self.close()

    def close(self):
        """End all threads, those at work when they have done it."""
        self._is_closed = True
        for thread in iter(self.take, None):
            thread.ring(None)


class _Thread:
    def __init__(self, waiting):
        self._waiting, self._bell, self._work = waiting, threading.Lock(), None
        self._bell.acquire()
        # A daemon: the end of the program ends what waits, and does not wait for it.
        threading.Thread(target=self._serve, name="modelkiln-step", daemon=True).start()

    def ring(self, work):
        """Have it call `work()`, or end for None. It waits: nobody else has it now."""
        self._work = work
        self._bell.release()

    def _serve(self):
        while True:
            self._bell.acquire()
            if self._work is None:
                return
            self._work()
            self._work = None  # Nothing of a request stays until the next one.
            self._waiting.add(self)
