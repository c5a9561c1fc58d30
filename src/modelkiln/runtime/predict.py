"""One prediction: a request in, a response out, both checked against the signature."""

import gc
import json

from modelkiln.runtime import entry_point, signature, tensors
from modelkiln.runtime.document import parse_json, shown, type_in_words
from modelkiln.runtime.errors import PackageError

__all__ = ["predict"]


def predict(package, data, where):
    """Return the response (bytes of JSON, ending in a newline) to the request `data` (bytes).

    Raises PackageError for a request, inference script or output that is refused, and UserError
    for an exception of the inference script. `where` names the request in messages.
    """
    record = package.record
    request = parse_json(data, where)
    inputs, wanted = _read_request(request, record["signature"], where)
    function = _load(record["entry_point"], package.root)
    arrays = {tensor.name: tensors.to_array(tensor) for tensor in inputs}
    address = f"entry point {record['entry_point']}"
    outputs = entry_point.run(function, address, arrays, package.models)
    _check_outputs(outputs, record["signature"]["outputs"], address)
    response = {"model_name": record["name"], "model_version": record["version"]}
    if "id" in request:
        response["id"] = request["id"]
    response["outputs"] = [_to_json(name, outputs[name]) for name in wanted]
    return json.dumps(response, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _load(text, root):
    """Import the inference script. What is imported stays until the end, and is not searched for garbage, neither now
    nor then: a twentieth of a start."""
    thresholds = gc.get_threshold()
    gc.set_threshold(0)
    try:
        return entry_point.load(text, root)
    finally:
        if gc.get_threshold()[0] == 0:  # The script has not chosen others.
            gc.freeze()
            gc.set_threshold(*thresholds)


def _read_request(request, wanted, where):
    """Return the input tensors and the names of the outputs that were asked for."""
    if not isinstance(request, dict) or "inputs" not in request:
        raise PackageError(f'{where}: a request is a JSON object with "inputs", a list of tensors.')
    if not isinstance(request.get("id", ""), str):
        raise PackageError(f'{where}: "id" is {shown(request["id"])}; it must be a string.')
    inputs = tensors.read_tensors(request["inputs"], "input", where)
    _refuse(signature.problems(wanted["inputs"], [tensor[:3] for tensor in inputs], "input"), where)
    names = [spec["name"] for spec in wanted["outputs"]]
    if not request.get("outputs"):
        return inputs, names
    asked = request["outputs"]
    if not isinstance(asked, list) or not all(isinstance(item, dict) for item in asked):
        raise PackageError(f'{where}: "outputs" must be a list of objects with a "name".')
    for item in asked:
        if item.get("name") not in names:
            raise PackageError(f"{where}: there is no output {shown(item.get('name'))}; there are {', '.join(names)}.")
    return inputs, [item["name"] for item in asked]


def _check_outputs(outputs, specs, where):
    import numpy

    if not isinstance(outputs, dict):
        raise PackageError(f"{where} returned {type_in_words(outputs)}; return a dict of numpy arrays by output name.")
    found = []
    for name, array in outputs.items():
        if not isinstance(name, str):
            raise PackageError(
                f"{where}: the name of output {name!r} is {type_in_words(name)}; name outputs by strings."
            )
        if not isinstance(array, numpy.ndarray):
            raise PackageError(
                f'{where}: output "{name}" is {type_in_words(array)}; return a numpy array (numpy.asarray).'
            )
        datatype = tensors.array_datatype(array)
        found.append((name, datatype or f"numpy {array.dtype}", array.shape))
    _refuse(signature.problems(specs, found, "output"), f"{where} disagrees with the signature")


def _refuse(sentences, where):
    if sentences:
        raise PackageError(f"{where}: {' '.join(sentences)}")


def _to_json(name, array):
    return tensors.from_array(name, array)._asdict()
