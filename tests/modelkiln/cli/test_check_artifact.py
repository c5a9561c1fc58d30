"""`modelkiln build check-artifact`, where the package onnx may be missing."""

import json
import pickle
import subprocess
import sys
from collections import OrderedDict

import pytest
from onnx import TensorProto, helper
from python_path import python_path

from modelkiln.checks.onnx import checker
from modelkiln.cli.main import main


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Return a function that checks files by name; it returns the exit code and the findings."""

    def run(files, *more):
        (tmp_path / "sources").mkdir(exist_ok=True)
        for name, data in files.items():
            (tmp_path / "sources" / name).write_bytes(data)
        monkeypatch.chdir(tmp_path)
        code = main(["build", "check-artifact", "--sources=sources", "--where=a:b", "--output=findings.json", *more])
        return code, json.loads((tmp_path / "findings.json").read_bytes()) if code == 0 else None

    return run


def _lacking():
    raise ImportError("there is none")


def _model():
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    return helper.make_model(helper.make_graph([], "g", [value], [value])).SerializeToString()


def test_without_onnx_other_formats_are_checked(check, monkeypatch):
    """An artifact without an ONNX model takes no checker, so none is built for it."""
    monkeypatch.setattr(checker, "_checker", _lacking)
    code, findings = check({"labels.txt": b"cat\n"}, "--may-lack-onnx")
    assert (0, ["unknown"]) == (code, [finding["format"] for finding in findings])


def test_a_model_under_another_name_asks_for_the_checker(check, monkeypatch, capsys):
    """Its content says what it is: the step reports that it takes the package, once it is there checks it."""
    with monkeypatch.context() as patch:
        patch.setattr(checker, "_checker", _lacking)
        assert (0, None) == check({"model.bin": _model()}, "--may-lack-onnx")
        assert (1, None) == check({"model.bin": _model()})
        assert "for want of the package onnx" in capsys.readouterr().err
    assert (0, ["onnx"]) == (lambda code, found: (code, [one["format"] for one in found]))(*check({}))


def test_two_models_are_checked_in_one_process(tmp_path):
    """An encoder and a decoder: the extension of onnx is loaded once, which is all that it allows."""
    (tmp_path / "sources").mkdir()
    for name in ("encoder.onnx", "decoder.onnx"):
        (tmp_path / "sources" / name).write_bytes(_model())
    options = ["--sources=sources", "--where=a:b", "--output=findings.json"]
    argv = [sys.executable, "-m", "modelkiln", "build", "check-artifact", *options]
    done = subprocess.run(argv, cwd=tmp_path, env={"PYTHONPATH": python_path()}, capture_output=True, text=True)
    assert (0, "") == (done.returncode, done.stderr)
    assert ["onnx", "onnx"] == [one["format"] for one in json.loads((tmp_path / "findings.json").read_bytes())]


def test_a_batch_answers_for_each_artifact_that_is_sound(tmp_path, monkeypatch):
    """As a check of it alone does; for one that is not sound it answers null, and does not fail."""
    files = {
        "0/labels.txt": b"cat",
        "1/code.pkl": pickle.dumps(OrderedDict()),
        "2/code.pkl": pickle.dumps(OrderedDict()),
    }
    for name, data in {**files, "3/model.onnx": _model(), "4/model.safetensors": b"cut"}.items():
        path = tmp_path / "sources" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    (tmp_path / "batch.json").write_text(json.dumps([{}, {"allow_pickle": ["collections.OrderedDict"]}, {}, {}, {}]))
    monkeypatch.chdir(tmp_path)
    common = ("build", "check-artifact", "--where=a:b", "--output=findings.json")
    assert 0 == main([*common, "--sources=sources", "--batch=batch.json"])
    found = json.loads((tmp_path / "findings.json").read_bytes())
    assert ["unknown", "pickle", None, "onnx", None] == [one and one[0]["format"] for one in found]
    assert 0 == main([*common, "--sources=sources/1", "--pickles", "--allow-pickle=collections.OrderedDict"])
    assert found[1] == json.loads((tmp_path / "findings.json").read_bytes())
    assert 1 == main([*common, "--sources=sources/2"])
