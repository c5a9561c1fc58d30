"""`predict` of a package: requests, inference scripts and responses."""

import json
import subprocess
import sys

import pytest

REQUEST = {
    "id": "7",
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [0.1, 0, 2, 3]}],
}
RESPONSE = {
    "model_name": "sums",
    "model_version": "1.2.0",
    "id": "7",
    "outputs": [{"name": "y", "datatype": "FP32", "shape": [2], "data": [0.2, 10]}],
}


def request_of(**changes):
    """REQUEST with changes to its tensor."""
    return {"inputs": [{**REQUEST["inputs"][0], **changes}]}


def test_a_request_on_standard_input_is_answered(make_package):
    """The response echoes the id and holds the outputs of the signature."""
    result = make_package().run("predict", request=REQUEST, check=0)
    assert (RESPONSE, b"") == (json.loads(result.stdout), result.stderr)


def test_a_request_in_a_file_is_answered(make_package, tmp_path):
    """FILE and - name the same request."""
    (tmp_path / "request.json").write_text(json.dumps(REQUEST))
    result = make_package().run("predict", str(tmp_path / "request.json"), check=0)
    assert RESPONSE == json.loads(result.stdout)


def test_a_class_keeps_its_model(make_package):
    """A class is made with the models folder and asked by its predict method."""
    script = """
class Model:
    def __init__(self, model):
        self.weight = float((model / "weight.txt").read_text())
    def predict(self, inputs):
        return {"y": (inputs["x"].sum(axis=1) * self.weight).astype("float32")}
"""
    package = make_package(script, entry_point="models.sums.predict:Model")
    assert RESPONSE == json.loads(package.run("predict", request=REQUEST, check=0).stdout)


def test_the_models_folder_can_be_elsewhere(make_package, tmp_path):
    """MODELKILN_MODELS names it, as an image does."""
    (tmp_path / "weight.txt").write_text("0")
    result = make_package().run("predict", request=REQUEST, check=0, MODELKILN_MODELS=str(tmp_path))
    assert [0, 0] == json.loads(result.stdout)["outputs"][0]["data"]


def test_a_response_holds_what_was_asked_for(make_package):
    """A request may name the outputs it wants."""
    signature = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
        "outputs": [{"name": name, "datatype": "FP32", "shape": [-1, 2]} for name in ("y", "z")],
    }
    package = make_package('def predict(i, model): return {"y": i["x"], "z": i["x"]}', signature)
    result = package.run("predict", request={**REQUEST, "outputs": [{"name": "z"}]}, check=0)
    assert ["z"] == [output["name"] for output in json.loads(result.stdout)["outputs"]]
    result = package.run("predict", request={**REQUEST, "outputs": [{"name": "q"}]}, check=1)
    assert b'there is no output "q"; there are y, z.' in result.stderr


PRINTING = """
import atexit, ctypes, os
print("at import")
atexit.register(print, "at exit")

def predict(inputs, model):
    print("printed")
    os.write(1, b"written\\n")
    ctypes.CDLL(None).puts(b"from C")
    return {"y": inputs["x"][:, 0]}
"""


def test_what_a_script_prints_stays_out_of_the_response(make_package):
    """Prints of Python, of the system and of C, flushed at exit too, go to standard error."""
    result = make_package(PRINTING).run("predict", request=REQUEST, check=0)
    assert "outputs" in json.loads(result.stdout)
    assert {b"at import", b"printed", b"written", b"from C", b"at exit"} == set(result.stderr.splitlines())


def test_a_quiet_prediction_prints_the_response_alone(make_package):
    """--quiet drops what the script prints."""
    result = make_package(PRINTING).run("predict", "--quiet", request=REQUEST, check=0)
    assert ("outputs" in json.loads(result.stdout), b"") == (True, result.stderr)


@pytest.mark.parametrize(
    ("request_value", "message"),
    [
        (b"{", "standard input: not JSON at line 1, column 2"),
        ([], 'standard input: a request is a JSON object with "inputs"'),
        ({**REQUEST, "id": 7}, '"id" is 7; it must be a string'),
        ({**REQUEST, "id": None}, '"id" is null; it must be a string'),
        ({"inputs": []}, 'input "x" is missing, want FP32 [-1, 2].'),
        (request_of(name="z"), 'input "z" is not in the signature, which has x.'),
        (request_of(datatype="FP64"), 'input "x" has datatype FP64, want FP32.'),
        (request_of(shape=[4]), 'input "x" has shape [4], want [-1, 2].'),
        (request_of(data=[1]), 'input "x": got 1 elements, want 4 for shape [2, 2].'),
    ],
)
def test_a_request_that_breaks_the_signature_is_refused(make_package, request_value, message):
    """One message, no traceback, nothing on standard output."""
    result = make_package().run("predict", request=request_value, check=1)
    assert b"" == result.stdout
    assert result.stderr.decode().startswith("predict: ") and message in result.stderr.decode()
    assert "Traceback" not in result.stderr.decode()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import absent_module", "No module named 'absent_module' ("),
        ("import absent_module", "predict.py, line 1). Is 'absent_module' in the package's dependencies?"),
        ("def predict(:", "cannot import models.sums.predict: SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("", "has no 'predict'. Name a function or class of"),
        ("predict = 3", "predict is an int and cannot be called"),
        ("class predict:\n  def __init__(self, model): pass", "class predict has no method predict(self, inputs)"),
        ("def predict(i, m): return [1]", "returned a list; return a dict of numpy arrays"),
        ("def predict(i, m): pass", "returned None; return a dict of numpy arrays"),
        ("def predict(i, m): return {'y': 1}", 'output "y" is an int; return a numpy array'),
        ("def predict(i, m): return {1: i['x']}", "the name of output 1 is an int; name outputs by strings"),
        ("def predict(i, m): return {'y': [1]}", 'output "y" is a list; return a numpy array'),
        ("def predict(i, m): return {}", 'output "y" is missing, want FP32 [-1].'),
        ("def predict(i, m): return {'y': i['x']}", 'output "y" has shape [2, 2], want [-1].'),
        ("def predict(i, m): return {'y': i['x'][0].astype('float64')}", "has datatype FP64, want FP32"),
        ("def predict(i, m): return {'y': i['x'][0] * 1j}", "has datatype numpy complex64, want FP32"),
        ("def predict(i, m): return {'y': i['x'][0], 'z': i['x']}", 'output "z" is not in the signature'),
        ("def predict(i, m): return {'y': i['x'][0] / i['x'][0, 1]}", 'output "y": element 0 is inf'),
    ],
)
def test_a_script_that_breaks_its_contract_is_refused(make_package, script, message):
    """One message that names the entry point, no traceback."""
    result = make_package(script).run("predict", request=REQUEST, check=1)
    assert b"" == result.stdout
    assert message in result.stderr.decode()
    assert "Traceback" not in result.stderr.decode()


def test_debug_shows_the_traceback(make_package):
    """--debug adds what the message leaves out."""
    result = make_package("import absent_module").run("predict", "--debug", request=REQUEST, check=1)
    assert b"Traceback" in result.stderr


def test_an_exception_of_the_script_shows_its_traceback_alone(make_package):
    """The user sees their own frames and none of the runtime's."""
    script = "def helper():\n    raise ValueError('bad weights')\n\ndef predict(inputs, model):\n    helper()\n"
    result = make_package(script).run("predict", "--quiet", request=REQUEST, check=1)
    text = result.stderr.decode()
    assert "models/sums/predict.py" in text and "ValueError: bad weights" in text
    assert "modelkiln/runtime" not in text
    assert text.endswith("raised ValueError; the traceback is above.\n")


@pytest.mark.parametrize("entry_point", ["predict", "models.sums.predict:", "models.absent:predict"])
def test_an_entry_point_that_leads_nowhere_is_refused(make_package, entry_point):
    """The message names the entry point."""
    result = make_package(entry_point=entry_point).run("predict", request=REQUEST, check=1)
    assert f"entry point {entry_point}" in result.stderr.decode().replace("'", "")


def test_a_file_that_is_missing_is_reported(make_package):
    """The message names the file."""
    result = make_package().run("predict", "absent.json", check=1)
    assert b"predict: absent.json: No such file or directory." in result.stderr


@pytest.mark.parametrize("chosen", ["", "gc.set_threshold(7, 8, 9)"])
def test_garbage_is_collected_once_the_script_is_imported(make_package, chosen):
    """As Python does it, or as the script wants it; what was imported is not looked through."""
    command = [sys.executable, "-c", f"import gc; {chosen or 'pass'}; print(gc.get_threshold())"]
    expected = subprocess.check_output(command, text=True).strip()
    script = f"""
import gc, sys
at_import = gc.get_threshold()[0]
{chosen}
def predict(inputs, model):
    print(at_import, gc.isenabled(), gc.get_threshold(), gc.get_freeze_count() > 0, file=sys.stderr)
    return {{"y": inputs["x"][:, 0]}}
"""
    result = make_package(script).run("predict", request=REQUEST, check=0)
    assert f"0 True {expected} {not chosen}\n" == result.stderr.decode()


def test_a_package_that_carries_its_weights_imports_nothing_that_fetches_or_hashes(make_package):
    """It would be a part of each start."""
    script = """
import sys
names = [name for name in sys.modules if name == "hashlib" or name.startswith("modelkiln.runtime.weights")]
def predict(inputs, model):
    print(names, file=sys.stderr)
    return {"y": inputs["x"][:, 0]}
"""
    assert b"[]\n" == make_package(script).run("predict", request=REQUEST, check=0).stderr
