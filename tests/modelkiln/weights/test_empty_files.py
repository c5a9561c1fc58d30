"""Empty files: code that says something by being there, and artifacts that failed."""

import dataclasses
import json

import pytest
from schemas import schema_problems

from modelkiln.errors import ModelkilnError
from modelkiln.layers.recipe import open_layer
from modelkiln.layers.weights import locked_layers
from modelkiln.layers.weights_files import models_folder
from modelkiln.store.store import Store
from modelkiln.weights.lock import load_weights_lock
from modelkiln.weights.locking import lock_weights
from modelkiln.weights.selection import WeightsSource


@pytest.fixture
def locked(tmp_path):
    """A store and a lock of a model's folder with code in it."""
    for path, data in {
        "code/__init__.py": b"",
        "code/py.typed": b"",
        "w.bin": b"w",
        "code/model.py": b"x = 1\n",
    }.items():
        (tmp_path / "w" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "w" / path).write_bytes(data)
    store = Store(tmp_path / "store")
    return store, lock_weights(WeightsSource("w", tmp_path, "x:w"), store)


def test_an_empty_init_file_is_locked_and_packaged(locked):
    """It lies where it lay, in a lock, in a layer and in a folder of models."""
    store, lock = locked
    sizes = {file.path: file.size for file in lock.files}
    assert {"code/__init__.py": 0, "code/model.py": 6, "code/py.typed": 0, "w.bin": 1} == sizes
    assert lock == load_weights_lock(lock.to_text(), "x")
    assert [] == schema_problems("weights-lock", json.loads(lock.to_text()))
    layers = locked_layers(lock, "x:w")
    for layer in layers:
        with open_layer(layer, store) as stream:
            assert layer.descriptor.size == len(stream.read())
    with models_folder(layers, store) as models:
        assert b"" == (models.path / "code/__init__.py").read_bytes()
        assert b"w" == (models.path / "w.bin").read_bytes()


def test_an_empty_file_is_fetched_lazily(make_lazy_package, tmp_path):
    """Nothing of it has to arrive."""
    (tmp_path / "mirror").mkdir()
    files = {"__init__.py": b"", "weight.txt": b"2"}
    for path, data in files.items():
        (tmp_path / "mirror" / path).write_bytes(data)
    package = make_lazy_package(files, lambda path: [{"url": f"file://{tmp_path}/mirror/{path}"}])
    request = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}
    package.run("predict", request=request, check=0)
    (link,) = package.store.glob("views/*/__init__.py")
    assert b"" == link.read_bytes()


@pytest.mark.parametrize("name", ["model.onnx", "config.json", "__init__.txt", "py"])
def test_other_empty_files_are_refused(tmp_path, name):
    """As what a failed training leaves, with what to do."""
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / name).write_bytes(b"")
    with pytest.raises(ModelkilnError, match="is empty. Write the trained artifact there"):
        lock_weights(WeightsSource("w", tmp_path, "x:w"), Store(tmp_path / "store"))


def test_a_lock_of_another_empty_file_is_refused(locked):
    """A lock that was edited."""
    _, lock = locked
    files = tuple(dataclasses.replace(file, size=0) if file.path == "w.bin" else file for file in lock.files)
    with pytest.raises(ModelkilnError, match="w.bin: size 0 is not a number of bytes"):
        load_weights_lock(dataclasses.replace(lock, files=files).to_text(), "x")
