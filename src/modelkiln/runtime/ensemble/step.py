"""One step of an ensemble: a call of a member, with its tensors taken from those of the ensemble."""

import os

from modelkiln.runtime import signature as signatures
from modelkiln.runtime.document import type_in_words
from modelkiln.runtime.ensemble.errors import StepError
from modelkiln.runtime.tensors import array_datatype

__all__ = ["Step", "check_arrays"]


class Step:
    """number: its place among the steps, from 1. reads, makes: names of the ensemble's tensors."""

    def __init__(self, number, step, member, call):
        self.number, self.name = number, step["model_name"]
        self.reads = list(step["input_map"].values())
        self.makes = list(step["output_map"].values())
        self._inputs, self._outputs = list(step["input_map"].items()), list(step["output_map"].items())
        self._signature, self._call = member["signature"], call
        self._title = f'step {number}: member "{self.name}" ({member["name"]} {member["version"]})'

    def run(self, tensors):
        """Call the member with those of `tensors` that it reads; returns the tensors that it makes, by name."""
        inputs = {name: tensors[tensor] for name, tensor in self._inputs}
        problems = check_arrays(inputs, self._signature["inputs"], "input")
        if problems:
            raise StepError(f"{self._title}: its inputs disagree with its signature: {' '.join(problems)}")
        try:
            outputs = self._call(inputs)
        except (Exception, SystemExit) as error:
            cause = _without_ours(error)
            raise StepError(f"{self._title}: {self._describe(error)}. Its inputs: {_shown(inputs)}.") from cause
        problems = check_arrays(outputs, self._signature["outputs"], "output")
        if problems:
            raise StepError(
                f"{self._title}: its outputs disagree with its signature: {' '.join(problems)} "
                f"Its inputs: {_shown(inputs)}."
            )
        return {tensor: outputs[name] for name, tensor in self._outputs}

    def _describe(self, error):
        if isinstance(error, StepError):  # Of an ensemble inside of this one, or of a process.
            return str(error).rstrip(".")
        return f"raised {type(error).__name__}: {error}"


def check_arrays(arrays, specs, side):
    """Return sentences where `arrays` (by name) are not numpy arrays as `specs` want them; side: "input", "output"."""
    import numpy

    if not isinstance(arrays, dict):
        return [f"got {type_in_words(arrays)}, want a dict of numpy arrays by {side} name."]
    found = []
    for name, array in arrays.items():
        if not isinstance(array, numpy.ndarray):
            return [f'{side} "{name}" is {type_in_words(array)}, want a numpy array (numpy.asarray).']
        found.append((name, array_datatype(array) or f"numpy {array.dtype}", array.shape))
    return signatures.problems(specs, found, side)


def _without_ours(error):
    """The exception of a member, with a traceback that begins in its code."""
    frames = error.__traceback__
    while frames and os.path.dirname(frames.tb_frame.f_code.co_filename) == os.path.dirname(__file__):
        frames = frames.tb_next
    return error.with_traceback(frames)


def _shown(arrays):
    """The inputs of a step as messages show them: names, datatypes and shapes, not values, which may be secret."""
    return ", ".join(
        f'"{name}" {array_datatype(array) or array.dtype} {list(array.shape)}' for name, array in arrays.items()
    )
