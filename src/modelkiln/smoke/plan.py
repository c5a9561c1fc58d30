"""What a smoke test's process is to do, as one file."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Mapping

from modelkiln.layer import Layer

__all__ = ["SmokePlan"]

_LAYERS = ("layers", "weights")


@dataclass(frozen=True)
class SmokePlan:
    """A package in one format, and what it is asked. Files and folders are paths.

    format: "pex", "scie", "wheel" or "oci". package: its file, or its layout's folder. record, request,
    expected: JSON files. response: where the response is written that becomes the expected one, or "";
    then `expected` is "". rtol, atol: tolerances of floats. timeout: seconds that predict may take.
    python: what runs a PEX or a wheel, a release such as "3.11" or a path. models: the folder of model artifact
    files that are not in the store, or "". weights: layers of those that are. layers: of an image,
    those that its layout lacks. has_gpu: whether an image may use this machine's NVIDIA GPUs. wheels: the locked
    wheels that a wheel is installed with, as objects (see `manifest.closure.LockedWheel`). provided: a folder of
    this machine with what the package's host provides, which need not exist, or "".
    """

    format: str
    package: str
    record: str
    request: str
    expected: str
    rtol: float = 0.0
    atol: float = 0.0
    timeout: float = 600.0
    python: str = ""
    models: str = ""
    response: str = ""
    weights: tuple[Layer, ...] = ()
    layers: tuple[Layer, ...] = ()
    has_gpu: bool = False
    wheels: tuple[Mapping[str, Any], ...] = ()
    provided: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that holds all fields."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["wheels"] = list(self.wheels)
        return {**values, **{name: [layer.to_json() for layer in values[name]] for name in _LAYERS}}

    @classmethod
    def read(cls, path: Path) -> "SmokePlan":
        """Read the JSON file that holds what `to_json` gave."""
        content = json.loads(path.read_text("utf-8"))
        layers = {name: tuple(Layer.from_json(value) for value in content[name]) for name in _LAYERS}
        return cls(**{**content, **layers, "wheels": tuple(content["wheels"])})
