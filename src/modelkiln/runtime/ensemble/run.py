"""One prediction of an ensemble whose steps may run at the same time."""

import threading
import time

__all__ = ["Run"]


class Run:
    """Steps that are ready, and the threads that run them.

    All steps but one are handed to other threads. A thread that has ended a step takes the next one that nobody has
    begun, also one that was handed over, so that nothing waits for a thread that is slow to wake.
    """

    def __init__(self, graph, tensors):
        """graph: a `modelkiln.runtime.ensemble.graph.Graph`. tensors: its inputs; what steps make is added."""
        self._graph, self._tensors, self._waits = graph, tensors, list(graph.waits)
        self._ready, self._errors = list(graph.first), {}
        # Steps that run, and threads that were handed one and have not come yet.
        self._running, self._coming = 0, 0
        self._lock, self._done = threading.Lock(), threading.Lock()
        self._done.acquire()

    def finish(self):
        """Run all steps, in this thread, too; raises the error of the first one, in the graph's order, that fails."""
        self._work()
        self._done.acquire()
        if self._errors:
            raise self._errors[min(self._errors)]

    def _come(self):
        """What a thread does that was handed a step: it may be taken by now."""
        with self._lock:
            self._coming -= 1
        self._work()

    def _work(self):
        """Run steps until none is ready."""
        with self._lock:
            place, others = self._take()
        while place is not None:
            for _ in range(others):
                if not self._graph.threads().start(self._come):
                    with self._lock:
                        self._coming -= 1
            error, begin = None, time.perf_counter()
            try:
                # Whatever fails here has to be taken for the step's error: the caller waits for all threads.
                self._graph.add(self._tensors, self._graph.steps[place].run(self._tensors))
            except BaseException as caught:
                error = caught
            self._graph.paces[place].note(time.perf_counter() - begin)
            with self._lock:
                self._end(place, error)
                place, others = self._take()

    def _take(self):
        """Return the step to run next, or None, and how many threads to hand others to.

        Quick ones come first, and run one after another: handing one over takes longer.
        """
        if not self._ready:
            return None, 0
        paces = self._graph.paces
        place = next((one for one in self._ready if paces[one].is_quick), self._ready[0])
        self._ready.remove(place)
        self._running += 1
        slow = sum(not paces[one].is_quick for one in self._ready)
        # After a quick one this thread takes one of them itself.
        others = max(0, slow - paces[place].is_quick - self._coming)
        self._coming += others
        return place, others

    def _end(self, place, error):
        """Take what a step raised, and see which steps are ready by what it made.

        After an error those still run that may show an error of a step before it: which one is raised does not depend
        on who is quicker. After an interrupt none does.
        """
        self._running -= 1
        if error is None:
            for other in self._graph.followers[place]:
                self._waits[other] -= 1
                if not self._waits[other]:
                    self._ready.append(other)
        else:
            self._errors[place if isinstance(error, Exception) else -1] = error
        if self._errors:
            first = min(self._errors)
            self._ready = [one for one in self._ready if self._graph.earliest[one] < first]
        if not self._ready and not self._running:
            self._done.release()
