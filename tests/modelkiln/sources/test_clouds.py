"""Model artifacts in servers that speak as Google's and Azure's object stores, through their clients."""

import hashlib
import json
import os
import random
import subprocess
from pathlib import Path

import pytest
from loopback.cloud_servers import azure_server, google_server

import modelkiln
from modelkiln.machine.settings import save_machine_env

OBJECTS = {"config.json": b"{}", "parts/one.bin": random.Random(11).randbytes(5_000_000), "parts/two.bin": b"2"}


@pytest.fixture(scope="module", params=["gs", "az"])
def cloud(request, tmp_path_factory):
    """A server of each kind."""
    server = {"gs": google_server, "az": azure_server}[request.param]
    with server(tmp_path_factory.mktemp(request.param)) as found:
        yield found


@pytest.fixture
def lock(cloud, tmp_path):
    """Return a function that locks a path with the client; it returns exit code, lock and errors."""
    store = tmp_path / "store"
    save_machine_env(store, cloud.env)

    def run(path, *options):
        target = tmp_path / "w.lock.json"
        command = [cloud.python, "-m", "modelkiln", "build", "lock-weights", f"--source={cloud.scheme}://{path}"]
        command += [f"--folder={tmp_path}", "--where=x:w", f"--store={store}", *options, target]
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(modelkiln.__file__).parents[1])}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        return done.returncode, json.loads(target.read_text()) if target.exists() else None, done.stderr

    run.store = store
    return run


def test_a_folder_is_locked(cloud, lock):
    """Sizes, hashes and versions are those of the objects, whose bytes are in the store; an unchanged folder
    gives the same lock, and a replaced object another one."""
    cloud.put("models", {f"llm/{name}": data for name, data in OBJECTS.items()})
    cloud.put("models", {"llm2/other": b"x"})
    code, first, errors = lock("models/llm")
    assert 0 == code, errors
    sums = {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in OBJECTS.items()}
    assert sums == {file["path"]: (file["size"], file["sha256"]) for file in first["files"]}
    assert all(file["version"] for file in first["files"])
    for _, sha256 in sums.values():
        assert sha256 == hashlib.sha256((lock.store / "sha256" / sha256[:2] / sha256).read_bytes()).hexdigest()
    assert (0, first) == lock("models/llm")[:2]
    assert 0 == lock("models/llm", "--check")[0]
    cloud.put("models", {"llm/parts/two.bin": b"22"})
    assert 1 == lock("models/llm", "--check")[0]
    code, second, errors = lock("models/llm")
    changed = [one["path"] for one, other in zip(second["files"], first["files"]) if one != other]
    assert (0, ["parts/two.bin"]) == (code, changed), errors


def test_an_object_is_locked(cloud, lock):
    """A single object comes under its own name."""
    cloud.put("single", {"a/model.bin": b"weights"})
    code, content, errors = lock("single/a/model.bin")
    assert (0, ["model.bin"]) == (code, [file["path"] for file in content["files"]]), errors


def test_what_is_not_there_is_reported(cloud, lock):
    """Neither bucket nor object: the URI is named, and nothing is written."""
    cloud.put("empty", {"x": b"x"})
    for path in ("empty/nothing", "no-such-bucket/x"):
        code, content, errors = lock(path)
        assert (1, None) == (code, content)
        assert f"x:w: source {cloud.scheme}://{path}" in errors and "Traceback" not in errors
