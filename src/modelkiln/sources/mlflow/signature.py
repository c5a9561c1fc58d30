"""MLflow's signatures and input examples, as those of the Open Inference Protocol."""

import math
import re
from typing import Any, Dict, List, Mapping, Sequence

__all__ = ["example_request", "not_demanded", "tensors_of"]

# Open Inference Protocol v2, "Tensor Data Types": numpy's names (mlflow.types.TensorSpec), and MLflow's
# own of columns (mlflow.types.DataType). Texts, dates and bytes are BYTES.
_DTYPES = {
    "bool": "BOOL", "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64",
    "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64",
    "float16": "FP16", "float32": "FP32", "float64": "FP64", "str": "BYTES", "object": "BYTES", "bytes": "BYTES",
}  # fmt: skip
_COLUMNS = {
    "boolean": "BOOL", "integer": "INT32", "long": "INT64", "float": "FP32", "double": "FP64",
    "string": "BYTES", "binary": "BYTES", "datetime": "BYTES",
}  # fmt: skip

Tensor = Dict[str, Any]


def tensors_of(specs: Any, unnamed: str) -> List[Tensor]:
    """Return name, datatype and shape of each input or output of an MLflow schema.

    specs: the schema's JSON, a list of tensor or column specs. A column becomes a tensor with one
    value a row, an array column one with two dimensions. unnamed: the name for the only tensor of
    a schema without names. Raises ValueError, KeyError or TypeError for what is not a tensor.
    """
    if not isinstance(specs, list):
        raise ValueError("is not a list of tensors or columns")
    names = [_name(spec, unnamed if len(specs) == 1 else f"{unnamed}_{number}") for number, spec in enumerate(specs)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{twice[0]!r} is the name of two")
    return [_tensor(spec, name) for spec, name in zip(specs, names)]


def not_demanded(specs: Sequence[Mapping[str, Any]], unnamed: str) -> List[str]:
    """Return the names of the columns of a schema that `tensors_of` takes and that MLflow lets be absent."""
    return [_name(spec, unnamed) for spec in specs if not spec.get("required", True)]


def _name(spec: Mapping[str, Any], unnamed: str) -> str:
    """A table that was made of an array calls its columns 0, 1, 2: these are names, too."""
    name = spec.get("name")
    return unnamed if name in (None, "") else str(name)


def _tensor(spec: Mapping[str, Any], name: str) -> Tensor:
    if spec["type"] == "tensor":
        inner = spec["tensor-spec"]
        shape, kind, known = [int(size) for size in inner["shape"]], inner["dtype"], _DTYPES
        # numpy writes texts of a fixed length as <U12 or |S12.
        kind = "str" if re.fullmatch(r"[<>|=]?[US]\d*", kind) else kind
    else:
        shape, kind, known = [-1], spec["type"], _COLUMNS
        while kind == "array":
            spec = spec["items"]
            shape, kind = [*shape, -1], spec["type"]
    if kind not in known:
        raise ValueError(f"{name!r} is a {kind!r}, which is not a tensor")
    return {"name": name, "datatype": known[kind], "shape": shape}


def example_request(example: Any, inputs: Sequence[Tensor]) -> Dict[str, Any]:
    """Return the request of an MLflow `serving_input_example.json` for these inputs.

    example: one of MLflow's four forms: dataframe_split, dataframe_records, instances, inputs.
    Raises ValueError, KeyError or TypeError when it does not fit.
    """
    values = _columns(example, inputs)
    found = []
    for tensor in inputs:
        if tensor["name"] not in values:
            raise ValueError(f"has no {tensor['name']!r}")
        data = values[tensor["name"]]
        shape = _shape(data)
        if len(shape) != len(tensor["shape"]):
            raise ValueError(f"{tensor['name']!r} has shape {shape}, want {tensor['shape']}")
        found.append({"name": tensor["name"], "datatype": tensor["datatype"], "shape": shape, "data": data})
    return {"inputs": found}


def _columns(example: Any, inputs: Sequence[Tensor]) -> Mapping[str, Any]:
    """The example's values by input name."""
    if "dataframe_split" in example:
        split = example["dataframe_split"]
        return {str(name): [row[place] for row in split["data"]] for place, name in enumerate(split["columns"])}
    if "dataframe_records" in example:
        records = example["dataframe_records"]
        return {str(name): [record[name] for record in records] for name in records[0]}
    values = example["inputs"] if "inputs" in example else example["instances"]
    if isinstance(values, dict):
        return values
    if "instances" in example and values and isinstance(values[0], dict):
        return {str(name): [one[name] for one in values] for name in values[0]}
    if len(inputs) != 1:
        raise ValueError(f"has one value for {len(inputs)} inputs")
    return {inputs[0]["name"]: values}


def _shape(data: Any) -> List[int]:
    """The shape of nested lists; raises ValueError when they are ragged, or a value is missing."""
    if not isinstance(data, list):
        if data is None or (isinstance(data, float) and not math.isfinite(data)):
            raise ValueError(f"has the value {data}, which no request can hold")
        return []
    shapes = {tuple(_shape(one)) for one in data}
    if len(shapes) != 1:
        raise ValueError("is empty or ragged")
    return [len(data), *shapes.pop()]
