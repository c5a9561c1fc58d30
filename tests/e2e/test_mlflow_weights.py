"""A model of a real MLflow server through the real command: locked, packaged and tested by what MLflow states."""

import json

import pytest
from loopback.mlflow_server import log_models, mlflow_server
from monorepo import environment, small_monorepo

_BUILD = """\
python_sources(name="code")

model_artifact(name="weights", source="models:/digits@champion", exclude=["*.pkl"], lock="weights.lock.json")

model_package(
    name="rain",
    entry_point="rain.forecast:predict",
    artifacts=[":weights"],
    version="0.1.0",
    formats=["pex"],
    metadata={"license": "MIT"},
)

model_smoke_test(name="smoke", package=":rain", expected="response.json")
"""
_SCRIPT = """\
import json

import numpy


def predict(inputs, model):
    example = json.loads((model / "serving_input_example.json").read_text())
    return {"output": inputs["x"].sum(axis=1).astype(numpy.int64) * len(example["inputs"])}
"""


@pytest.fixture
def server(tmp_path):
    """Address of a server, and the run of its models."""
    with mlflow_server(tmp_path / "mlflow") as address:
        yield address, log_models(address)


def test_a_model_of_mlflow_is_locked_packaged_and_tested(tmp_path, server):
    """Signature, request, requirements, metrics and lineage come from MLflow; what the target says stands over it."""
    address, run = server
    repo = small_monorepo(tmp_path / "repo", env={**environment(), "MLFLOW_TRACKING_URI": address})
    repo.write("rain/BUILD", _BUILD)
    repo.write("rain/forecast.py", _SCRIPT)
    output = {"name": "output", "datatype": "INT64", "shape": [1], "data": [2]}
    repo.write("rain/response.json", json.dumps({"outputs": [output]}))
    for name in ("signature", "request"):
        (repo.root / f"rain/{name}.json").unlink()
    try:
        repo.pants("lock", "rain:weights")
        lock = json.loads(repo.read("rain/weights.lock.json"))
        assert f"1+{run}" == lock["source"]["revision"]
        assert "python_model.pkl" not in [file["path"] for file in lock["files"]]
        repo.pants("package", "rain:rain")
        repo.pants("test", "rain:smoke")
        repo.pants("lock", "--check", "rain:weights")
        record = repo.record("rain/rain")
    finally:
        repo.stop()
    assert [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}] == record["signature"]["inputs"]
    metadata = record["metadata"]
    assert ({"accuracy": 0.97}, "MIT") == (metadata["metrics"], metadata["license"])
    assert "numpy==2.4.6" in metadata["requirements"]
    assert (run, "c0ffee") == (metadata["lineage"]["run_id"], metadata["lineage"]["git_commit"])
