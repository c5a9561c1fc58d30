"""The inference script of an ensemble: its members, called as its record says."""

from modelkiln.runtime.ensemble.graph import Graph
from modelkiln.runtime.ensemble.member import start_member
from modelkiln.runtime.record import find_package

__all__ = ["Ensemble"]


class Ensemble:
    """All members, started. `predict` may be called by several threads at a time."""

    def __init__(self, model):
        """Start the members; `model` is the folder of all their model artifact files.

        Raises StepError for one that cannot be started.
        """
        package = find_package()
        record = package.record
        self._graph = Graph(record["ensemble"], record["signature"], package.root, model, start_member)

    def predict(self, inputs):
        """Return the outputs (arrays by name) for `inputs`; raises StepError for a step that fails."""
        return self._graph.predict(inputs)

    def close(self):
        """End the processes of members that have one; the end of this process does it, too."""
        self._graph.close()
