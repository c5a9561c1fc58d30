"""`modelkiln init`: the files that it writes, for models that real libraries wrote."""

import ast
import collections
import json
import pickle

import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from modelkiln.cli.main import main
from modelkiln.package.signature import load_signature
from modelkiln.runtime.tensors import read_tensors


def _onnx(path, inputs=None, outputs=None, external=False):
    """A model that adds its input `x` to a constant `bias`, which older tools list among the inputs."""
    bias = numpy_helper.from_array(numpy.float32([1, 2, 3]), "bias")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])
    also = helper.make_tensor_value_info("bias", TensorProto.FLOAT, [3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "bias"], ["y"])], "g", inputs or [x, also], outputs or [y], [bias]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    more = {"save_as_external_data": True, "location": "adder.data", "size_threshold": 0} if external else {}
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path), **more)
    return path


def _init(capsys, *arguments, code=0):
    assert code == main(["init", *map(str, arguments)])
    return capsys.readouterr()


def test_an_onnx_model_gives_all_files(tmp_path, monkeypatch, capsys):
    """Names, datatypes and shapes are the model's; weights that it lists as inputs are none; the script answers."""
    monkeypatch.chdir(tmp_path)
    out = _init(capsys, _onnx(tmp_path / "adder/adder.onnx")).out
    assert "  pants lock ::\n  pants test --smoke-test-record adder:smoke\n" in out
    folder = tmp_path / "adder"
    signature = load_signature((folder / "signature.json").read_bytes(), "signature.json")
    assert {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}]} == {
        "inputs": signature.to_json()["inputs"]
    }
    request = json.loads((folder / "request.json").read_text())
    assert [] == signature.problems("input", read_tensors(request["inputs"], "input", "request.json"))
    space = {}
    exec((folder / "predict.py").read_text(), space)
    answer = space["predict"]({"x": numpy.float32([[1, 1, 1]])}, folder)
    assert [[2.0, 3.0, 4.0]] == answer["y"].tolist()
    assert 'oci_base_image(name="base", packages="modelkiln:python3.11"' in (folder / "BUILD").read_text()
    assert 'backend_packages = ["pants.backend.python", "pants_modelkiln"]' in (tmp_path / "pants.toml").read_text()


def test_what_the_repository_has_is_used(tmp_path, capsys):
    """Its base, its requirements and its Python; what it lacks is added."""
    (tmp_path / "pants.toml").write_text('[python]\ninterpreter_constraints = ["CPython==3.13.*"]\n')
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks/BUILD").write_text('python_requirements(source="python.in")\n')
    (tmp_path / "locks/python.in").write_text("numpy\nonnxruntime-gpu\n")
    model = _onnx(tmp_path / "models/adder.onnx")
    _init(capsys, model, "--name", "adder")
    build = (tmp_path / "models/BUILD").read_text()
    assert 'requirements=["numpy"]' not in build and 'requirements=["onnxruntime"]' in build
    assert 'packages="modelkiln:python3.13"' in build
    _init(capsys, _onnx(tmp_path / "more/adder.onnx"))
    build = (tmp_path / "more/BUILD").read_text()
    assert 'base_image="//models:base"' in build and "oci_base_image" not in build and "python_requirement" not in build
    (tmp_path / "pants.toml").write_text('[modelkiln]\ncompression = "gzip"\nbase_image = "images:python"\n')
    _init(capsys, _onnx(tmp_path / "last/adder.onnx"))
    assert "base" not in (tmp_path / "last/BUILD").read_text()


def test_external_data_and_logged_examples_come_along(tmp_path, capsys):
    """Files that a model needs are of the artifact; MLflow's input example is the request where it fits."""
    model = _onnx(tmp_path / "rain/model.onnx", external=True)
    (tmp_path / "rain/serving_input_example.json").write_text('{"inputs": {"x": [[0.5, 1.5, 2.5]]}}')
    _init(capsys, model.parent)
    assert 'source=["model.onnx", "adder.data"]' in (tmp_path / "rain/BUILD").read_text()
    assert [[0.5, 1.5, 2.5]] == json.loads((tmp_path / "rain/request.json").read_text())["inputs"][0]["data"]
    (tmp_path / "rain/adder.data").unlink()
    assert "needs the file 'adder.data' beside it" in _init(capsys, model, code=1).err


def test_safetensors_give_a_script_to_be_written(tmp_path, monkeypatch, capsys):
    """The names of the tensors are in it, and it answers: nothing in the file says what is done with them."""
    monkeypatch.chdir(tmp_path)
    save_file({"w": numpy.zeros((2, 3), "float32")}, tmp_path / "ridge.safetensors")
    out = _init(capsys, "ridge.safetensors", "--name", "ridge").out
    assert "write the model into it" in out and "--smoke-test-record //:smoke" in out
    text = (tmp_path / "predict.py").read_text()
    assert "\nw: F32 [2, 3]\n" in text and ast.parse(text)
    space = {}
    exec(text, space)
    assert [1.0] == space["Predictor"](tmp_path).predict({"x": numpy.float32([1])})["y"].tolist()


@pytest.mark.parametrize(
    ("output", "remedy"),
    [
        (
            helper.make_value_info("y", helper.make_sequence_type_proto(helper.make_tensor_type_proto(1, [1]))),
            "is a sequence",
        ),
        (helper.make_tensor_value_info("y", TensorProto.COMPLEX64, [1]), "which requests cannot hold"),
        (helper.make_tensor_value_info("y", TensorProto.FLOAT, None), "infer_shapes"),
    ],
)
def test_what_a_signature_cannot_describe_is_refused(output, remedy, tmp_path, capsys):
    """Maps and sequences, as classifiers of skl2onnx return them, other datatypes, and shapes that are not stated."""
    err = _init(capsys, _onnx(tmp_path / "m/m.onnx", outputs=[output]), code=1).err
    assert "output 'y'" in err and remedy in err
    assert ["m.onnx"] == [path.name for path in (tmp_path / "m").iterdir()]


def test_a_request_too_large_to_write_is_refused(tmp_path, capsys):
    """A shape can ask for more numbers than there is memory."""
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [10**6, 10**6])
    err = _init(capsys, _onnx(tmp_path / "m/m.onnx", inputs=[value]), code=1).err
    assert "1000000000000 elements" in err and "serving_input_example.json" in err


def test_nothing_is_overwritten(tmp_path, capsys):
    """Where one of the files is there, none is written; formats that say too little are named."""
    (tmp_path / "pants.toml").write_text("")
    model = _onnx(tmp_path / "m/m.onnx")
    (tmp_path / "m/predict.py").write_text("mine")
    assert "predict.py: exists, and nothing was written" in _init(capsys, model, code=1).err
    assert {"m.onnx", "predict.py"} == {path.name for path in (tmp_path / "m").iterdir()}
    (tmp_path / "other.txt").write_text("x")
    assert "init reads ONNX models and safetensors" in _init(capsys, tmp_path / "other.txt", code=1).err
    assert "is not there" in _init(capsys, tmp_path / "none", code=1).err
    assert "several or no models" in _init(capsys, tmp_path, code=1).err
    assert "another target of the BUILD file" in _init(capsys, model, "--name", "smoke", code=1).err


def test_what_a_model_of_another_format_needs_is_said_at_once(tmp_path, capsys):
    """A pickle's list is the one that packaging would ask for; a format is named, and a text is of none."""
    (tmp_path / "pants.toml").write_text("")
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(collections.OrderedDict(a=1)))
    assert "allow_pickle=['collections.OrderedDict']. init reads ONNX" in _init(capsys, tmp_path / "m.pkl", code=1).err
    numpy.save(tmp_path / "m.npy", numpy.zeros(2))
    assert f"{tmp_path}/m.npy: is npy. init reads ONNX" in _init(capsys, tmp_path / "m.npy", code=1).err
    (tmp_path / "m.txt").write_text("x")
    assert "m.txt: is of no format that is known here." in _init(capsys, tmp_path / "m.txt", code=1).err
