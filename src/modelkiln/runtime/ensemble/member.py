"""A member of an ensemble: a package's inference script, another ensemble, or a process that has one of these."""

import os

from modelkiln.runtime import entry_point
from modelkiln.runtime.ensemble.errors import StepError
from modelkiln.runtime.ensemble.graph import Graph
from modelkiln.runtime.errors import PackageError

__all__ = ["Local", "start_here", "start_member"]


class Local:
    """A member in this process. call: from arrays by name to arrays by name."""

    def __init__(self, call, close=None):
        self.call = call
        self.close = close or (lambda: None)

    def ready(self):
        """It has started already."""


def start_member(name, member, root, model):
    """Return the member `name`, whose entry in the record is `member`, ready to be called.

    root: the folder of the ensemble's code. model: of the model artifact files. A member whose code must not
    meet that of others has a folder and a process of its own. Raises StepError.
    """
    if "code" not in member:
        return start_here(name, member, root, model)
    from modelkiln.runtime.ensemble.worker_process import WorkerProcess

    return WorkerProcess(name, member, os.path.join(root, member["code"]), model)


def start_here(name, member, root, model):
    """Return the member in this process, whose code lies in `root`."""
    if "ensemble" in member:
        graph = Graph(member["ensemble"], member["signature"], root, model, start_member)
        return Local(graph.predict, graph.close)
    try:
        script = entry_point.load(member["entry_point"], root)
        return Local(_callable(script, model))
    except PackageError as error:
        raise StepError(f'member "{name}": {error}') from error
    except (Exception, SystemExit) as error:
        raise StepError(
            f'member "{name}": entry point {member["entry_point"]}: making the model raised '
            f"{type(error).__name__}: {error}"
        ) from error


def _callable(script, model):
    if not isinstance(script, type):
        return lambda inputs: script(inputs, model)
    instance = script(model)
    if not callable(getattr(instance, "predict", None)):
        raise PackageError(f"class {script.__name__} has no method predict(self, inputs). Add one.")
    return instance.predict
