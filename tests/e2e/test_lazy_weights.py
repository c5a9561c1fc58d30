"""Lazy weights through the real command: locked from a server, packaged without them, tested, run."""

import json
import os
import subprocess
import sys

import pytest
from loopback.file_servers import file_server
from monorepo import small_monorepo

PEX = "dist/rain/rain.pex"


@pytest.fixture
def server():
    """A server that holds the artifact."""
    with file_server({"/factor.txt": b"0.5"}) as found:
        yield found


@pytest.fixture
def repo(tmp_path, server):
    """A repository whose package fetches its weights from the server."""
    found = small_monorepo(tmp_path / "repo")
    found.replace("rain/BUILD", 'source="factor.txt"', f'source="{server.url}/factor.txt", lock="factor.lock.json"')
    found.replace("rain/BUILD", 'version="0.1.0"', 'version="0.1.0",\n    weights="lazy"')
    (found.root / "rain/factor.txt").unlink()
    yield found
    found.stop()


def test_a_lazy_package_is_locked_packaged_tested_and_run(repo, server, tmp_path):
    """It holds no weights, answers from a filled store without a network, and fetches what is missing."""
    repo.pants("lock", "rain:weights")
    server.asked.clear()
    repo.pants("package", "rain:rain")
    assert [] == server.asked
    record = repo.record("rain/rain")
    assert "lazy" == record["weights"]
    assert "weights" not in {layer["kind"] for layer in record["layers"]}
    repo.pants("test", "rain:smoke")
    env = {**os.environ, "MODELKILN_STORE": str(tmp_path / "store"), "PEX_ROOT": str(tmp_path / "pex")}
    command = [sys.executable, str(repo.root / PEX), "predict", str(repo.root / "rain/request.json")]
    result = subprocess.run(command, env=env, capture_output=True, check=True)
    assert [1.5, 3.5] == json.loads(result.stdout)["outputs"][0]["data"]
    assert {"/factor.txt"} == {path for path, _ in server.asked}


def test_an_artifact_without_a_lock_cannot_be_lazy(tmp_path):
    """The message says what to add."""
    repo = small_monorepo(tmp_path / "repo")
    repo.replace("rain/BUILD", 'version="0.1.0"', 'version="0.1.0",\n    weights="lazy"')
    try:
        log = repo.pants("package", "rain:rain", code=1).log
    finally:
        repo.stop()
    assert "rain:weights has no lock" in log and "pants lock rain:weights" in log
