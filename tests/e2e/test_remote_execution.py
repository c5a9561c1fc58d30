"""Packages that another machine makes: a worker with nothing but declared inputs and a Python."""

import os
from pathlib import Path

import pytest
from loopback.remote_execution import remote_execution
from monorepo import environment, files_of, is_other_pants, small_monorepo

# The engine's tool is for one release of Python, the one that the worker has; Pants' own processes name its path.
_PYTHON = Path("/usr/bin/python3.11")
_OPTIONS = (
    '--modelkiln-interpreter-constraints=["CPython==3.11.*"]',
    f'--python-bootstrap-search-path=["{_PYTHON.parent}"]',
)


def loaded_folders(repo):
    """Return the folders, outside of /usr, that Pants runs from: its environment, and its Python with libraries."""
    (pid,) = repo.daemons()
    found = {Path(f"/proc/{pid}/exe").resolve().parents[1]}
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        path = Path(line.split(maxsplit=5)[-1])
        if ".so" in path.name:
            packages = [one for one in path.parents if one.name == "site-packages"]
            found.add(packages[0].parents[2] if packages else path.parent)
    return [one for one in sorted(found) if Path("/usr") not in one.parents]


@pytest.fixture
def here(tmp_path):
    """Return a monorepo whose Pants runs all processes itself."""
    return small_monorepo(tmp_path / "here")


@pytest.fixture
def worker(here, tmp_path):
    """Return a worker. Besides Python it has what Pants asks of one: the interpreter that Pants runs on."""
    if not _PYTHON.exists():
        reason = f"{_PYTHON} is missing, which the worker runs; install python3.11"
        (pytest.fail if os.environ.get("MODELKILN_REQUIRE_COMPONENTS") == "1" else pytest.skip)(reason)
    here.pants("package", "rain:rain")
    programs = loaded_folders(here)
    here.stop()
    with remote_execution(tmp_path / "worker", programs) as running:
        yield running


def outputs(repo):
    """Return what is in dist/; of links into the store, which lacks what the worker made, the names."""
    return {name: None if kind == "link" else digest for name, (kind, digest) in files_of(repo.dist).items()}


def test_a_worker_makes_the_same_bytes(here, worker, tmp_path):
    """No process runs here, each learns nothing of this machine, and PEX, image and record are the same."""
    env = environment()
    env["XDG_CACHE_HOME"] = env.get("XDG_CACHE_HOME") or f"{env['HOME']}/.cache"
    env.update(PANTS_LOCAL_STORE_DIR=f"{tmp_path}/lmdb", PANTS_NAMED_CACHES_DIR=f"{tmp_path}/named")
    env.update(PANTS_REMOTE_EXECUTION="true", PANTS_REMOTE_EXECUTION_ADDRESS=worker.address)
    env.update(PANTS_REMOTE_STORE_ADDRESS=worker.store_address, PANTS_STATS_LOG="true")
    there = small_monorepo(tmp_path / "there", env=env)
    # The worker fetches wheels by itself; this is the property by which buildbox lets it.
    network = "--remote-execution-extra-platform-properties=network=on"
    run = there.pants(*_OPTIONS, network, "package", "rain:rain")
    there.stop()
    assert 0 == run.counters["local_execution_requests"]
    ours = [one for one in worker.executed() if one["argv"][0] == "__modelkiln/modelkiln"]
    assert {"check-artifact", "layer", "pex", "resolve"} <= {one["argv"][3] for one in ours}
    assert {0} == {one["code"] for one in ours}
    # Newer releases name outputs as today's API does, so that a worker needs nothing between it and Pants.
    assert any(one["is_copied"] for one in ours) is not is_other_pants()
    assert [] == [name for one in ours for name in one["env"] if not name.startswith("PANTS_CACHE_KEY_")]
    assert outputs(here) == outputs(there)
