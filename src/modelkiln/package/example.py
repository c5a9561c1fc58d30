"""A request that fits a signature, to see that a package answers at all."""

from typing import Any, Mapping

__all__ = ["example_request"]


def example_request(signature: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request of the Open Inference Protocol v2 with numbers that have no meaning.

    Variable dimensions are 1, since those of one name must be equal. Whole numbers are 0, which is a token, a class
    and an index of nearly every model; others go from 0 to 0.9, as a model that divides by their spread needs.
    """
    inputs = []
    for one in signature.get("inputs") or ():
        shape = [1 if size == -1 else size for size in one["shape"]]
        number = 1
        for size in shape:
            number *= size
        inputs.append({"name": one["name"], "datatype": one["datatype"], "shape": shape, "data": _data(one, number)})
    return {"inputs": inputs}


def _data(one: Mapping[str, Any], number: int) -> list[Any]:
    if one["datatype"].startswith("FP"):
        return [index % 10 / 10 for index in range(number)]
    return [{"BOOL": False, "BYTES": "text"}.get(one["datatype"], 0)] * number
