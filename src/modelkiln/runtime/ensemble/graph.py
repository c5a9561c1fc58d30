"""The steps of an ensemble, run as soon as their inputs are there."""

import os
import threading

from modelkiln.runtime import entry_point
from modelkiln.runtime.ensemble.errors import StepError
from modelkiln.runtime.ensemble.step import Step

__all__ = ["Graph"]


class Graph:
    """Members and steps of one ensemble, as its record has them under "ensemble".

    steps: in the order of the record. waits: how many others each waits for. followers: the places of those that wait
    for it. first: of those that wait for none.
    """

    def __init__(self, document, signature, root, model, start):
        """Start all members with `start(name, member, root, model)`. signature: of the ensemble."""
        import numpy  # noqa: F401  Before threads import it: a module that is half there would be seen.

        members, self._members = document["members"], {}
        try:
            for name, member in members.items():
                self._members[name] = start(name, member, root, model)
            for one in self._members.values():
                one.ready()
            self._combine = entry_point.load(document["combine"], root) if "combine" in document else None
        except BaseException:
            self.close()
            raise
        self.steps = [
            Step(number, step, members[step["model_name"]], self._members[step["model_name"]].call)
            for number, step in enumerate(document["steps"], 1)
        ]
        self._outputs = [spec["name"] for spec in signature["outputs"]]
        self._plan()
        self._pool, self._process, self._lock = None, None, threading.Lock()

    def _plan(self):
        """What each step waits for, what waits for it, and which tensors several read."""
        makers = {tensor: place for place, step in enumerate(self.steps) for tensor in step.makes}
        self.waits, self.followers = [], [[] for _ in self.steps]
        readers = dict.fromkeys(self._outputs, 1)
        for place, step in enumerate(self.steps):
            before = {makers[tensor] for tensor in step.reads if tensor in makers}
            self.waits.append(len(before))
            for other in sorted(before):
                self.followers[other].append(place)
            for tensor in step.reads:
                readers[tensor] = readers.get(tensor, 0) + 1
        # A member that changed an array in place would change it for the others, perhaps while they read it.
        self._shared = frozenset(tensor for tensor, count in readers.items() if count > 1 or self._combine)
        self.first = [place for place, count in enumerate(self.waits) if not count]
        self._order = self._chain()

    def _chain(self):
        """The steps in their order where never two can run at a time, else None."""
        order, ready, waits = [], list(self.first), list(self.waits)
        while ready:
            if len(ready) > 1:
                return None
            order.append(ready.pop())
            for place in self.followers[order[-1]]:
                waits[place] -= 1
                if not waits[place]:
                    ready.append(place)
        return order

    def predict(self, inputs):
        """Return the ensemble's outputs, arrays by name; raises StepError."""
        tensors = {}
        self.add(tensors, inputs)
        if self._order is not None:
            for place in self._order:
                self.add(tensors, self.steps[place].run(tensors))
        else:
            _Run(self, tensors).finish()
        merged = self._merge(tensors) if self._combine else {}
        return {name: merged[name] if name in merged else tensors[name] for name in self._outputs}

    def add(self, tensors, found):
        """Put arrays that were given or made into `tensors`."""
        for name, array in found.items():
            if name in self._shared and array.flags.writeable:
                array = array.view()
                array.flags.writeable = False
            tensors[name] = array

    def _merge(self, tensors):
        """What `combine` makes of all tensors: the outputs that no step makes."""
        try:
            merged = self._combine(dict(tensors))
        except (Exception, SystemExit) as error:
            raise StepError(
                f"combine raised {type(error).__name__}: {error}. Its tensors: {', '.join(tensors)}."
            ) from error
        wanted = [name for name in self._outputs if name not in tensors]
        if not isinstance(merged, dict) or set(merged) != set(wanted):
            got = sorted(map(str, merged)) if isinstance(merged, dict) else f"a {type(merged).__name__}"
            raise StepError(f"combine returned {got}, want a dict of the outputs that no step makes: {wanted}.")
        return merged

    def threads(self):
        """The threads that steps run in beside the caller's, made when they are first needed, also after a fork."""
        with self._lock:
            if self._process != os.getpid():
                from concurrent.futures import ThreadPoolExecutor

                self._process = os.getpid()
                self._pool = ThreadPoolExecutor(4 * len(self.steps), thread_name_prefix="modelkiln-step")
            return self._pool

    def close(self):
        """End members and threads."""
        for member in self._members.values():
            member.close()
        if getattr(self, "_pool", None) is not None and self._process == os.getpid():
            self._pool.shutdown(wait=False)
            self._pool = self._process = None


class _Run:
    """One prediction whose steps run in several threads."""

    def __init__(self, graph, tensors):
        self._graph, self._tensors = graph, tensors
        self._waits, self._errors = list(graph.waits), {}
        self._lock, self._done = threading.Lock(), threading.Event()
        self._active = 0

    def finish(self):
        """Run all steps, in this thread, too; raises the error of the first of those that failed."""
        with self._lock:
            self._active = len(self._graph.first)
        self._work(self._share(self._graph.first))
        self._done.wait()
        if self._errors:
            raise self._errors[min(self._errors)]

    def _share(self, ready):
        """Hand all but one of the steps `ready` to other threads, and return that one, or None."""
        for place in ready[1:]:
            self._graph.threads().submit(self._work, place)
        return ready[0] if ready else None

    def _work(self, place):
        while place is not None:
            made = {}
            try:
                if not self._errors:
                    made = self._graph.steps[place].run(self._tensors)
            except BaseException as error:
                with self._lock:
                    self._errors[place] = error
            place = self._share(self._end(place, made))

    def _end(self, place, made):
        """Take what a step made, and return the steps that waited for it alone. After an error none begins."""
        with self._lock:
            self._graph.add(self._tensors, made)
            ready = []
            for other in () if self._errors else self._graph.followers[place]:
                self._waits[other] -= 1
                if not self._waits[other]:
                    ready.append(other)
            self._active += len(ready) - 1
            if not self._active:
                self._done.set()
            return ready
