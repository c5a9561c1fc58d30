"""Small files with code in them, of the form that their libraries write; none of it does anything.

The checks were tried on what the libraries themselves write: keras 3.15, h5py 3.16, skops 0.16.
"""

import io
import json
import zipfile
from typing import Any, Dict

__all__ = ["hdf5_model", "keras_config", "keras_model", "lambda_layer", "skops_model", "torch_package", "zip_of"]


def zip_of(members: Dict[str, Any]) -> bytes:
    """Return an archive of members by name; what is not text or bytes is written as JSON."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data if isinstance(data, (str, bytes)) else json.dumps(data))
    return stream.getvalue()


def lambda_layer(name: str) -> Dict[str, Any]:
    """Return the configuration of a Lambda layer, as keras.saving.serialize_keras_object gives it."""
    function = {"class_name": "__lambda__", "config": {"code": "4wEAAAA=\n", "defaults": None, "closure": None}}
    return {
        "module": "keras.layers", "class_name": "Lambda", "registered_name": None,
        "config": {"name": name, "trainable": True, "function": function, "arguments": {}},
    }  # fmt: skip


def keras_config(*layers: Dict[str, Any]) -> Dict[str, Any]:
    """Return the configuration of a model of layers."""
    dense = {"module": "keras.layers", "class_name": "Dense", "config": {"name": "dense", "units": 1}}
    config = {"name": "sequential", "layers": [dense, *layers]}
    return {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": "Sequential"}


def keras_model(*layers: Dict[str, Any]) -> bytes:
    """Return a `.keras` file."""
    metadata = {"keras_version": "3.12.0", "date_saved": "2026-01-01@00:00:00"}
    return zip_of(
        {"metadata.json": metadata, "config.json": keras_config(*layers), "model.weights.h5": b"\x89HDF\r\n\x1a\n"}
    )


def hdf5_model(config: bytes, user_block: int = 0) -> bytes:
    """Return what an HDF5 file has of a model: its start, the attribute's name, and the text in a heap."""
    start = b"\x89HDF\r\n\x1a\n" + bytes(88)
    attribute = b"\x01\0\x0d\0\x18\0\x08\0model_config\0" + bytes(40)
    heap = b"GCOL\x01\0\0\0" + bytes(24) + config + bytes(-len(config) % 8)
    return bytes(user_block) + start + attribute + heap + bytes(500)


def torch_package(name: str) -> bytes:
    """Return a package of torch.package."""
    return zip_of({f"{name}/.data/extern_modules": "", f"{name}/.data/version": "6\n", f"{name}/demo.py": "x = 1\n"})


def skops_model(*types: str) -> bytes:
    """Return a file of skops, whose objects have these types."""
    children = {
        str(number): {"__class__": name, "__module__": module, "__loader__": "ObjectNode"}
        for number, (module, _, name) in enumerate(one.rpartition(".") for one in types)
    }
    root = {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "content": children, "protocol": 2}
    return zip_of({"schema.json": root})
