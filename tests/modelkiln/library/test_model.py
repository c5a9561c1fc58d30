"""A model that an application loads, and its command line."""

import hashlib
import json
import os
import subprocess
import sys

import pytest
from samples.wheels.model_wheels import lay_out

START = """
import json, os, sys, numpy, acme_sums
def ask(model, rows=((1, 2), (3, 4))):
    return model.predict({"x": numpy.array(rows, "float32")})["y"].tolist()
def refused(call):
    try:
        call()
    except acme_sums.PackageError as error:
        return str(error)
"""


@pytest.fixture
def make(tmp_path):
    """Return a function that lays out a model and returns one which runs an application's code."""

    def made(**more):
        site = tmp_path / "site"
        record = lay_out(site, **more)

        def run(script, *arguments, request=b"", code=0, **settings):
            command = ["-c", START + script] if script else ["-m", "acme_sums", *arguments]
            env = {"PYTHONPATH": str(site), "HOME": str(tmp_path), **settings}
            done = subprocess.run(
                [sys.executable, "-B", *command], env=env, input=request, capture_output=True, check=False
            )
            assert code == done.returncode, done.stderr.decode()
            return (done.stderr if code else done.stdout).decode()

        run.site, run.record = site, record
        return run

    return made


def test_a_model_is_loaded_and_called(make):
    """It says what it is, and takes and gives arrays."""
    run = make()
    found = run("""
model = acme_sums.load()
print(json.dumps([acme_sums.__version__, acme_sums.record, acme_sums.signature, ask(model), repr(model)]))
""")
    assert ["1.2.0", run.record, run.record["signature"], [6.0, 14.0], "<Model sums 1.2.0>"] == json.loads(found)


def test_nothing_is_imported_before_it_is_asked_for(make):
    """An application with many models starts at once."""
    found = make()("print([name for name in sys.modules if name.startswith('acme_sums.')], dir(acme_sums))")
    assert found.startswith("['acme_sums._importer']")
    assert "'load'" in found and "'__version__'" in found


def test_a_class_is_made_once(make):
    """The second question finds what the first load() made."""
    script = """
class Counter:
    def __init__(self, model):
        self.weight, self.calls = float((model / "weight.txt").read_text()), 0

    def predict(self, inputs):
        self.calls += 1
        return {"y": inputs["x"].sum(axis=1) * 0 + inputs["x"].dtype.type(self.calls * self.weight)}
"""
    run = make(code={"models/counts.py": script}, entry_point="models.counts:Counter")
    assert "[2.0] [4.0]" in run("model = acme_sums.load(); print(ask(model, [[0, 0]]), ask(model, [[0, 0]]))")


def test_what_disagrees_with_the_signature_is_refused(make):
    """Of inputs and of outputs, by name; what the script raises is the application's to catch."""
    script = "def predict(inputs, model):\n    if inputs['x'][0, 0] < 0:\n        raise KeyError('negative')\n"
    script += "    return {}\n"
    run = make(code={"models/bad.py": script}, entry_point="models.bad:predict")
    found = run("""
model = acme_sums.load()
array = numpy.zeros((1, 2), "float32")
print(json.dumps([
    refused(lambda: model.predict([1])),
    refused(lambda: model.predict({"x": [[1, 2]]})),
    refused(lambda: model.predict({"x": array.astype("float64")})),
    refused(lambda: model.predict({"z": array})),
    refused(lambda: model.predict({"x": array})),
]))
try:
    model.predict({"x": array - 1})
except KeyError as error:
    print(error)
""").splitlines()
    expected = ["inputs are a list", "input 'x' is a list", "has datatype FP64, want FP32", '"z" is not in']
    expected.append('entry point models.bad:predict: output "y" is missing')
    assert [] == [text for text, message in zip(expected, json.loads(found[0])) if text not in message]
    assert "'negative'" == found[1]


def test_the_command_line_answers(make):
    """As that of the other formats; without the code on the path of modules."""
    run = make()
    request = {"id": "a", "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}
    answer = json.loads(run("", "predict", request=json.dumps(request).encode()))
    assert (["sums", "a"], [6.0]) == ([answer["model_name"], answer["id"]], answer["outputs"][0]["data"])
    assert run.record == json.loads(run("", "info"))
    assert "nothing to fetch" in run("", "fetch")
    assert "usage: predict" in run("", "help")
    script = (
        "import sys\n\ndef predict(inputs, model):\n    raise SystemExit([p for p in sys.path if '_package' in p])\n"
    )
    run = make(code={"models/paths.py": script}, entry_point="models.paths:predict")
    assert "SystemExit: []" in run("", "predict", request=json.dumps(request).encode(), code=1)
    run = make(code={"models/broken.py": "import nothing_of_that_name\n"}, entry_point="models.broken:predict")
    error = run("", "predict", request=json.dumps(request).encode(), code=1)
    assert "entry point models.broken:predict: cannot be imported: ModuleNotFoundError" in error


def test_mounted_weights_are_verified(make, tmp_path):
    """The application names their folder, or MODELKILN_MODELS does."""
    run = make(weights="sidecar")
    (tmp_path / "models").mkdir()
    (tmp_path / "models/weight.txt").write_text("2")
    script = f"print(ask(acme_sums.load({str(tmp_path / 'models')!r})))"
    assert "[6.0, 14.0]" in run(script)
    assert "[6.0, 14.0]" in run("print(ask(acme_sums.load()))", MODELKILN_MODELS=str(tmp_path / "models"))
    assert "its weights are not here" in run("print(refused(acme_sums.load))")
    (tmp_path / "models/weight.txt").write_text("3")
    assert "want d4735e3a265e16" in run(f"print(refused(lambda: acme_sums.load({str(tmp_path / 'models')!r})))")


def test_bundled_weights_are_those_of_the_wheel(make, tmp_path):
    """Where a variable names the weights of another model, too."""
    assert "[6.0, 14.0]" in make()("print(ask(acme_sums.load()))", MODELKILN_MODELS=str(tmp_path))


@pytest.mark.parametrize("weights", ["bundled", "lazy"])
def test_weights_are_fetched_once(make, tmp_path, weights):
    """Those of a package with lazy weights, and those that are too large for the wheel."""
    (tmp_path / "origin").write_bytes(b"2")
    digest = hashlib.sha256(b"2").hexdigest()
    file = {"path": "weight.txt", "size": 1, "sha256": digest, "places": [{"url": f"file://{tmp_path}/origin"}]}
    set_digest = hashlib.sha256(f"{digest}  weight.txt\n".encode()).hexdigest()
    lock = json.dumps({"schema": 1, "set_digest": f"sha256:{set_digest}", "mirrors": [], "files": [file]}).encode()
    run = make(weights=weights, lock=lock)
    settings = {"MODELKILN_STORE": str(tmp_path / "store")}
    assert ["weight.txt"] == json.loads(run("", "info", **settings))["lazy"]["missing"]
    assert "[6.0, 14.0]" in run("print(ask(acme_sums.load()))", **settings)
    os.remove(tmp_path / "origin")
    assert "[6.0, 14.0]" in run("print(ask(acme_sums.load()))", **settings)
    assert [] == json.loads(run("", "info", **settings))["lazy"]["missing"]


def test_a_provided_requirement_is_the_applications(make, tmp_path):
    """It is looked for in the application's environment alone, whose path of imports stays as it is."""
    acme = {"name": "acme-rt", "specifier": ">=2", "modules": ["acme_rt"], "reason": "License"}
    run = make(provided=[acme])
    for version, folder in (("1.0", "site"), ("2.1", "provided")):
        info = tmp_path / folder / f"acme_rt-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme-rt\nVersion: {version}\n")
        (tmp_path / folder / "acme_rt.py").write_text("")
    ask = "before = list(sys.path); print(refused(acme_sums.load)); print(before == sys.path)"
    said = run(ask, MODELKILN_PROVIDED=str(tmp_path / "provided"))
    assert (
        "acme-rt>=2 is a provided requirement, and there is 1.0 in the package's environment. Install it into the "
        in said
    )
    assert said.endswith("application's environment. Reason: License.\nTrue\n")
    (run.site / "acme_rt-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: acme-rt\nVersion: 2.0\n")
    assert "[6.0, 14.0] True\n" == run("print(ask(acme_sums.load()), 'acme_rt' in sys.modules)")
