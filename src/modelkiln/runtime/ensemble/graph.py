"""The steps of an ensemble, run as soon as their inputs are there."""

import os
import threading

from modelkiln.runtime import entry_point
from modelkiln.runtime.document import type_in_words
from modelkiln.runtime.ensemble.errors import StepError
from modelkiln.runtime.ensemble.pace import Pace
from modelkiln.runtime.ensemble.run import Run
from modelkiln.runtime.ensemble.step import Step, check_arrays
from modelkiln.runtime.ensemble.threads import Threads

__all__ = ["Graph"]


class Graph:
    """Members and steps of one ensemble, as its record has them under "ensemble".

    steps: in the order of the record. By the place of each: paces: how long it takes; waits: how many others it waits
    for; followers: the places of those that wait for it; earliest: the first place among itself and all that need it.
    first: the places of those that wait for none.
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
        made = {tensor for step in self.steps for tensor in step.makes}
        self._combined = [spec for spec in signature["outputs"] if spec["name"] not in made]
        self.paces = [Pace() for _ in self.steps]
        self._plan()
        # Both at once, so that nothing has to be locked to read them: a fork might find it locked for good.
        self._threads, self._lock = (None, None), threading.Lock()

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
        order, is_chain = self._sort()
        self._order = order if is_chain else None
        self.earliest = list(range(len(self.steps)))
        for place in reversed(order):
            self.earliest[place] = min([place, *(self.earliest[other] for other in self.followers[place])])

    def _sort(self):
        """The steps, each after those that it waits for, and whether never two can run at a time."""
        order, ready, waits, is_chain = [], list(self.first), list(self.waits), True
        while ready:
            is_chain = is_chain and len(ready) == 1
            order.append(ready.pop())
            for place in self.followers[order[-1]]:
                waits[place] -= 1
                if not waits[place]:
                    ready.append(place)
        return order, is_chain

    def predict(self, inputs):
        """Return the ensemble's outputs, arrays by name; raises StepError."""
        tensors = {}
        self.add(tensors, inputs)
        if self._order is not None:
            for place in self._order:
                self.add(tensors, self.steps[place].run(tensors))
        else:
            Run(self, tensors).finish()
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
        wanted = [spec["name"] for spec in self._combined]
        if not isinstance(merged, dict) or set(merged) != set(wanted):
            got = f"a dict of {_listed(merged)}" if isinstance(merged, dict) else type_in_words(merged)
            raise StepError(
                f"combine returned {got}, want a dict of the outputs that no step makes: {_listed(wanted)}."
            )
        problems = check_arrays(merged, self._combined, "output")
        if problems:
            raise StepError(f"combine: its outputs disagree with the ensemble's signature: {' '.join(problems)}")
        return merged

    def threads(self):
        """The threads that steps run in beside the caller's, made when they are first needed, also after a fork."""
        threads, process = self._threads
        if process == os.getpid():
            return threads
        with self._lock:
            if self._threads[1] != os.getpid():
                self._threads = Threads(4 * len(self.steps)), os.getpid()
            return self._threads[0]

    def close(self):
        """End members and threads."""
        for member in self._members.values():
            member.close()
        threads, _ = getattr(self, "_threads", (None, None))
        if threads is not None:
            threads.close()
            self._threads = None, None


def _listed(names):
    return ", ".join(sorted(map(str, names))) or "nothing"
