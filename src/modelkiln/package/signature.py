"""A package's signature: names, datatypes and shapes of its inputs and outputs.

Read at build time from `signature.json`, which has the tensor metadata of the Open Inference
Protocol v2. Whether tensors agree with it is decided by the code that travels in the package.
"""

from dataclasses import dataclass
from typing import Any, Iterable

from modelkiln.errors import ModelkilnError
from modelkiln.runtime.document import parse_json
from modelkiln.runtime.errors import PackageError
from modelkiln.runtime.signature import problems
from modelkiln.runtime.tensors import DATATYPES, Tensor, is_size

__all__ = ["Signature", "TensorSpec", "load_signature"]

_FORM = (
    '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}], "outputs": [...]}, '
    "with -1 for a variable dimension"
)


@dataclass(frozen=True)
class TensorSpec:
    """What one tensor must be. datatype: a key of DATATYPES; shape: sizes, -1 for any."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the object that `signature.json` has for it."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


@dataclass(frozen=True)
class Signature:
    """All inputs and outputs, in the order of `signature.json`."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the object that `signature.json` and the record hold."""
        return {
            "inputs": [spec.to_json() for spec in self.inputs],
            "outputs": [spec.to_json() for spec in self.outputs],
        }

    def problems(self, side: str, tensors: Iterable[Tensor]) -> list[str]:
        """One sentence for each disagreement of a request's inputs (`side` "input") or a
        response's outputs ("output"); empty when they agree."""
        specs = self.inputs if side == "input" else self.outputs
        return problems([spec.to_json() for spec in specs], [tensor[:3] for tensor in tensors], side)


def load_signature(text: "str | bytes", where: str) -> Signature:
    """Read a signature; raises ModelkilnError that names `where` and everything that is wrong."""
    try:
        value = parse_json(text, where)
    except PackageError as error:
        raise ModelkilnError(str(error)) from None
    return read_signature(value, where)


def read_signature(value: Any, where: str) -> Signature:
    """Read a signature that is parsed already, such as that of a record; errors as above."""
    if not isinstance(value, dict) or not {"inputs", "outputs"} <= set(value):
        raise ModelkilnError(f'{where}: a signature is an object with "inputs" and "outputs": {_FORM}.')
    wrong = [f"{name!r} is not a member of a signature." for name in value if name not in ("inputs", "outputs")]
    for side in ("input", "output"):
        wrong += _wrong_specs(value[side + "s"], side)
    if wrong:
        raise ModelkilnError(f"{where}: {' '.join(wrong)} Write {_FORM}.")
    inputs, outputs = (tuple(map(_spec, value[side])) for side in ("inputs", "outputs"))
    return Signature(inputs, outputs)


def _spec(value: Any) -> TensorSpec:
    return TensorSpec(value["name"], value["datatype"], tuple(value["shape"]))


def _wrong_specs(items: Any, side: str) -> list[str]:
    if not isinstance(items, list) or not items:
        return [f'"{side}s" must be a list with at least one tensor, got {items!r}.']
    wrong, names = [], []
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            wrong.append(f"{side} {index}: {item!r} is not an object.")
            continue
        name = item.get("name")
        address = f'{side} "{name}"' if name else f"{side} {index}"
        if not isinstance(name, str) or not name:
            wrong.append(f"{address}: name {name!r} is not a string of letters.")
        elif name in names:
            wrong.append(f"{address} is there twice.")
        names.append(name)
        wrong += [f"{address}: {sentence}" for sentence in _wrong_spec(item)]
    return wrong


def _wrong_spec(item: dict[str, Any]) -> list[str]:
    wrong = []
    datatype, shape = item.get("datatype"), item.get("shape")
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        wrong.append(f"datatype {datatype!r} is unknown; use one of {', '.join(DATATYPES)}.")
    if not isinstance(shape, list) or not all(is_size(size) and (size == -1 or size > 0) for size in shape):
        wrong.append(f"shape {shape!r} is not a list of positive sizes and -1.")
    unknown = sorted(set(item) - {"name", "datatype", "shape"})
    if unknown:
        wrong.append(f"{', '.join(map(repr, unknown))} not known; a tensor has name, datatype and shape.")
    return wrong
