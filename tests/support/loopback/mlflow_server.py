"""A real MLflow server on loopback, and models that are logged to it by MLflow itself."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from components import require_venv
from servers import listening

__all__ = ["log_models", "mlflow_server"]

_LOCK = Path(__file__).resolve().parents[3] / "3rdparty/python/mlflow.txt"
# Imports of a cold disk take most of it.
_START_SECONDS = 120

# What a person does in a notebook; prints what tests ask for.
_SCRIPT = """
import json, sys
import numpy, pandas
import mlflow
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec

class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input

x = TensorSpec(numpy.dtype("float32"), (-1, 2), "x")
tensors = ModelSignature(inputs=Schema([x]), outputs=Schema([TensorSpec(numpy.dtype("int64"), (-1,), None)]))
columns = ModelSignature(
    inputs=Schema([ColSpec("double", "age"), ColSpec("string", "city")]), outputs=Schema([ColSpec("double", "y")])
)
frame = pandas.DataFrame({"age": [1.5, 2.0], "city": ["Bern", "Rom"]})
client = mlflow.MlflowClient()
mlflow.set_experiment("tests")
tags = {"mlflow.source.git.commit": "c0ffee", "mlflow.source.git.repoURL": "https://me:s3cr3t@example.com/models.git"}
with mlflow.start_run(tags=tags) as run:
    mlflow.log_metric("accuracy", 0.5)
    mlflow.log_metric("accuracy", 0.97)
    mlflow.log_metric("loss", float("nan"))
    mlflow.log_param("depth", 3)
    mlflow.log_input(mlflow.data.from_numpy(numpy.zeros((3, 2)), name="train"), context="training")
    mlflow.log_dict({"classes": [1, 2]}, "extra/deep/notes.json")
    more = {"python_model": Model(), "pip_requirements": ["numpy==2.4.6"]}
    example = {"x": numpy.ones((1, 2), dtype="float32")}
    mlflow.pyfunc.log_model(
        name="model", signature=tensors, input_example=example, registered_model_name="digits",
        metadata={"license": "Apache-2.0"}, **more
    )
    mlflow.pyfunc.log_model(
        name="table", signature=columns, input_example=frame, registered_model_name="table", **more
    )
client.set_registered_model_alias("digits", "champion", "1")
client.update_model_version("digits", "1", "reads digits")
client.set_model_version_tag("digits", "1", "stage", "prod")
print("RUN", run.info.run_id)
"""


@contextmanager
def mlflow_server(folder, *options):
    """Run `mlflow server` below `folder`; yields its address as MLFLOW_TRACKING_URI has it."""
    python = require_venv(_LOCK)
    folder.mkdir(parents=True, exist_ok=True)

    def command(port):
        server = [python, "-m", "mlflow", "server", "--host=127.0.0.1", f"--port={port}", "--workers=1"]
        place = options or [f"--artifacts-destination={folder}/artifacts"]
        return [*server, f"--backend-store-uri=sqlite:///{folder}/mlflow.db", *place]

    # A session of its own: the server is a tree of processes. Asked to end, it waits long for its workers.
    with listening(command, folder / "log", signal.SIGKILL, env=_env(python), start_new_session=True) as port:
        _wait_for(f"http://127.0.0.1:{port}/health", folder / "log")
        yield f"http://127.0.0.1:{port}"


def log_models(address):
    """Log and register the models "digits" (tensors) and "table" (columns); returns their run's id."""
    python = require_venv(_LOCK)
    env = {**_env(python), "MLFLOW_TRACKING_URI": address}
    done = subprocess.run([python, "-c", _SCRIPT], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("RUN ")[2].split()[0]


def ask(address, path, body):
    """Post `body` to a path of the API and return the answer."""
    request = urllib.request.Request(f"{address}/api/2.0/mlflow/{path}", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def _env(python):
    path = f"{Path(python).parent}:{os.environ.get('PATH', '')}"
    return {
        "PATH": path,
        "HOME": os.environ.get("HOME", "/"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
        # Else a server starts eight more processes for jobs, which import MLflow and ask for work all the time.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def _wait_for(url, log):
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())
