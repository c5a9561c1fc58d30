"""A request that fits a signature, to see that a package answers at all."""

from math import prod
from typing import Any, Mapping

__all__ = ["SAMPLE", "element_count", "example_request"]

# Elements of each input that a sample of a request has.
SAMPLE = 16


def element_count(signature: Mapping[str, Any]) -> int:
    """Return how many elements the inputs of `example_request` have together."""
    return sum(prod(_shape(one)) for one in signature.get("inputs") or ())


def example_request(signature: Mapping[str, Any], is_sample: bool = False) -> dict[str, Any]:
    """Return a request of the Open Inference Protocol v2 with numbers that have no meaning.

    Variable dimensions are 1, since those of one name must be equal. Whole numbers are 0, which is a token, a class
    and an index of nearly every model; others go from 0 to 0.9, as a model that divides by their spread needs.
    is_sample: only the first `SAMPLE` elements of each input are there, and the request is to be filled up: a signature
    can ask for more of them than there is memory.
    """
    inputs = []
    for one in signature.get("inputs") or ():
        shape = _shape(one)
        number = min(prod(shape), SAMPLE) if is_sample else prod(shape)
        inputs.append({"name": one["name"], "datatype": one["datatype"], "shape": shape, "data": _data(one, number)})
    return {"inputs": inputs}


def _shape(one: Mapping[str, Any]) -> list[int]:
    return [1 if size == -1 else size for size in one["shape"]]


def _data(one: Mapping[str, Any], number: int) -> list[Any]:
    if one["datatype"].startswith("FP"):
        return [index % 10 / 10 for index in range(number)]
    return [{"BOOL": False, "BYTES": "text"}.get(one["datatype"], 0)] * number
