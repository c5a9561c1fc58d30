"""Equal weights under another name: one blob, and a lock that says so."""

import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from modelkiln.cli.main import main
from modelkiln.store.cleaning import list_blobs
from modelkiln.store.store import Store
from modelkiln.weights.lock import load_weights_lock
from modelkiln.weights.renames import find_renames


def _save(folder, factor=1.0):
    """Save a model as MLflow does: onnx makes up the name of its data."""
    for path in folder.iterdir():
        path.unlink()
    weights = numpy.full((64, 64), factor, "f4")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 64]) for name in ("x", "y")]
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], [numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save_model(model, folder / "model.onnx", save_as_external_data=True)
    (data,) = folder.glob("*.data")
    return data.name


@pytest.fixture
def folder(tmp_path):
    """An empty folder of a model."""
    (tmp_path / "w").mkdir()
    return tmp_path / "w"


def _lock(folder, *more):
    lock = folder.parent / "w.lock.json"
    arguments = ["build", "lock-weights", "--source=w", f"--folder={folder.parent}", "--where=models/x:w"]
    code = main([*arguments, f"--store={folder.parent / 'store'}", *more, str(lock)])
    return code, load_weights_lock(lock.read_text(), "x")


def test_a_model_saved_again_differs_in_a_name_alone(folder, capsys):
    """Its data stay one blob, which is a layer of the format `artifact`, and people read that nothing else changed."""
    old = _save(folder)
    _, before = _lock(folder)
    blobs = {blob.digest for blob in list_blobs(Store(folder.parent / "store"))}
    new = _save(folder)
    capsys.readouterr()
    assert 1 == _lock(folder, "--check")[0]
    said = capsys.readouterr().out.splitlines()
    assert f"models/x:w: {old}: is called {new} now; its content is that of the lock." == said[0]
    assert said[1].startswith("models/x:w: model.onnx: has sha256 ")
    _, after = _lock(folder)
    assert [
        f"  {old} is called {new} now; its content is the same",
        "  model.onnx differs in that name alone; a fixed one (`location` of onnx.save_model) keeps the layers of "
        "images, which have names in them",
    ] == capsys.readouterr().out.splitlines()[1:]
    digests = [
        next(file.sha256 for file in lock.files if file.path == name) for lock, name in ((before, old), (after, new))
    ]
    assert digests[0] == digests[1]
    assert 1 == len({blob.digest for blob in list_blobs(Store(folder.parent / "store"))} - blobs)


def test_a_model_that_was_trained_again_is_no_other_name(folder, capsys):
    """Other weights are other weights, and a model that changed besides its names is not called the same."""
    _save(folder)
    _lock(folder)
    _save(folder, factor=2.0)
    capsys.readouterr()
    _lock(folder)
    assert 1 == len(capsys.readouterr().out.splitlines())


def test_each_name_is_taken_once():
    """Equal files are paired in the order of their names; what is left is new, or gone."""
    before = {"a": "1", "b": "1", "same": "2", "gone": "3"}
    after = {"x": "1", "same": "2", "new": "4", "also": "2"}
    assert {"a": "x"} == find_renames(before, after)
