"""What a model artifact says of itself: its kind, its files, what goes in and out."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

from modelkiln.checks import safetensors
from modelkiln.checks.check import UNKNOWN, Options, check_file
from modelkiln.checks.content import Content
from modelkiln.checks.onnx import model as onnx
from modelkiln.checks.onnx.interface import Value, read_interface
from modelkiln.errors import ModelkilnError
from modelkiln.package.example import element_count, example_request
from modelkiln.runtime.signature import problems

__all__ = ["Artifact", "read_artifact"]

# onnx/onnx.proto, TensorProto.DataType, and the datatypes of the Open Inference Protocol v2.
_ELEMENTS = {
    1: "FP32", 2: "UINT8", 3: "INT8", 4: "UINT16", 5: "INT16", 6: "INT32", 7: "INT64", 8: "BYTES", 9: "BOOL",
    10: "FP16", 11: "FP64", 12: "UINT32", 13: "UINT64",
}  # fmt: skip
_INDEX = ".safetensors.index.json"
# MLflow, mlflow/models/utils.py, SERVING_INPUT_FILENAME.
_MLFLOW_EXAMPLE = "serving_input_example.json"
# Elements of a request that is written for a model: some 20 MiB of text.
_LARGEST_REQUEST = 4 << 20


@dataclass(frozen=True)
class Artifact:
    """kind: "onnx" or "safetensors". folder: of its files. files: paths in it, the model's own first. signature: of
    the Open Inference Protocol. tensors: of safetensors, by name: "F32 [3, 4]". request: one to try."""

    kind: str
    folder: Path
    files: tuple[str, ...]
    signature: Mapping[str, Any]
    request: Mapping[str, Any]
    tensors: Mapping[str, str] = field(default_factory=dict)


def read_artifact(path: Path) -> Artifact:
    """Return what the file at `path` says, or the only model in the folder, such as that of an MLflow model.

    Raises ModelkilnError for a file that is damaged, of another format, or has what a signature cannot describe.
    """
    path = _only(path) if path.is_dir() else path
    if not path.is_file():
        raise ModelkilnError(f"{path}: is not there. Name the file of a model artifact.")
    content = Content(str(path.parent), path.name, lambda: path.open("rb"), path.stat().st_size)
    if onnx.looks_like(content):
        return _onnx(path, content)
    if safetensors.looks_like(content.head(32), content.size or 0):
        return _safetensors(path, content)
    if path.name.endswith(_INDEX):
        raise ModelkilnError(
            f"{path}: is the index of several files. Name one of them, and add the others to `source`."
        )
    raise ModelkilnError(
        f"{_other(path)} init reads ONNX models and safetensors, which say what they hold; write predict.py and "
        "signature.json for others (docs/first-package.md)."
    )


def _other(path: Path) -> str:
    """What a file is that says too little, in a sentence: packaging would refuse it, or its format."""
    try:
        found = check_file(path.name, lambda: path.open("rb"), path.stat().st_size, Options(str(path.parent)))
    except ModelkilnError as error:
        return str(error)
    return f"{path}: is {'of no format that is known here' if found.format == UNKNOWN else found.format}."


def _onnx(path: Path, content: Content) -> Artifact:
    model = onnx.read(content, path.name)
    files = [path.name, *dict.fromkeys(one.path for one in model.external)]
    for name in files:
        if not (path.parent / name).is_file():
            raise ModelkilnError(f"{path}: needs the file {name!r} beside it. Put it there.")
    interface = read_interface(model.data)
    sides = {"inputs": interface.inputs, "outputs": interface.outputs}
    signature = {side: [_spec(value, f"{path}: {side[:-1]}") for value in values] for side, values in sides.items()}
    request = _logged_example(path.parent, signature["inputs"]) or _example(signature, path)
    return Artifact("onnx", path.parent, tuple(files), signature, request)


def _example(signature: Mapping[str, Any], path: Path) -> dict[str, Any]:
    number = element_count(signature)
    if number > _LARGEST_REQUEST:
        raise ModelkilnError(
            f"{path}: its inputs have {number} elements, and init writes requests of up to {_LARGEST_REQUEST}. Export "
            "the model with variable dimensions, or put one of your own in MLflow's form beside it "
            f"({_MLFLOW_EXAMPLE})."
        )
    return example_request(signature)


def _spec(value: Value, where: str) -> dict[str, Any]:
    address = f"{where} {value.name!r}"
    if value.kind != "a tensor":
        raise ModelkilnError(
            f"{address}: is {value.kind}, and packages take and return tensors. Export the model without it "
            "(skl2onnx: options={'zipmap': False}), or write signature.json and predict.py by hand."
        )
    if value.element not in _ELEMENTS:
        raise ModelkilnError(
            f"{address}: has elements of ONNX's type {value.element}, which requests cannot hold. Cast it in the model."
        )
    if value.shape is None:
        raise ModelkilnError(
            f"{address}: has a shape that the model does not state. Export it with one, or run "
            "onnx.shape_inference.infer_shapes on it."
        )
    return {"name": value.name, "datatype": _ELEMENTS[value.element], "shape": list(value.shape)}


def _safetensors(path: Path, content: Content) -> Artifact:
    safetensors.check(content)
    with content.open() as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    tensors = {name: f"{one['dtype']} {one['shape']}" for name, one in header.items() if name != "__metadata__"}
    # Nothing in the file says what is done with its tensors: the first script only shows that they are there.
    value = {"name": "x", "datatype": "FP32", "shape": [-1]}
    signature = {"inputs": [value], "outputs": [{**value, "name": "y"}]}
    return Artifact("safetensors", path.parent, (path.name,), signature, example_request(signature), tensors)


def _only(folder: Path) -> Path:
    """The one model in a folder, as that of an MLflow model."""
    found = sorted(path for path in folder.iterdir() if path.name.endswith((".onnx", ".safetensors")))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise ModelkilnError(f"{folder}: holds several or no models of ONNX and safetensors ({names}). Name a file.")
    return found[0]


def _logged_example(folder: Path, inputs: Sequence[Mapping[str, Any]]) -> Optional[Mapping[str, Any]]:
    """The input example that MLflow keeps beside a model, where it fits the model's own inputs."""
    from modelkiln.sources.mlflow.signature import example_request as logged

    try:
        found = logged(json.loads((folder / _MLFLOW_EXAMPLE).read_text("utf-8")), [dict(one) for one in inputs])
        agrees = not problems(
            inputs, [(one["name"], one["datatype"], one["shape"]) for one in found["inputs"]], "input"
        )
        return found if agrees else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
