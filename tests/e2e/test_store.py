"""The store through the real command: cleaned while a build runs, what is missing from it, and what links to it."""

import json
import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from monorepo import environment, files_of, small_monorepo

from modelkiln.store.cleaning import clean
from modelkiln.store.store import Store

_WHOLE = """
model_package(
    name="whole",
    entry_point="rain.forecast:predict",
    artifacts=[":weights"],
    signature="signature.json",
    version="0.1.0",
    formats=["pex"],
    layout="zipapp",
)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of all of it."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def repo(folder):
    """A repository whose PEX is too large to pass through Pants, as a folder and as a file, with a store of its own."""
    env = {**environment(), "PANTS_LOCAL_STORE_DIR": f"{folder}/lmdb", "PANTS_NAMED_CACHES_DIR": f"{folder}/named"}
    found = small_monorepo(folder / "repo", env=env, options={"large_blob_limit": 1_000_000})
    found.replace("rain/BUILD", 'version="0.1.0"', 'version="0.1.0",\n    formats=["pex"]')
    found.write("rain/BUILD", found.read("rain/BUILD") + _WHOLE)
    yield found
    found.stop()


def test_a_store_is_cleaned_while_it_is_used(repo, folder):
    """However often, and with the narrowest limit: the build gets what it needs. What was removed after it is made
    again by the next run, also by the same daemon, with the same bytes."""
    store, is_over, rounds = Store(folder / "named/modelkiln"), threading.Event(), []

    def clean_on():
        while not is_over.wait(0.05):
            rounds.append(clean(store, set(), older_than=0, max_bytes=0))

    with ThreadPoolExecutor(1) as pool:
        cleaner = pool.submit(clean_on)
        try:
            repo.pants("package", "test", "rain::")
        finally:
            is_over.set()
        cleaner.result()  # Raises what cleaning raised.
    assert len(rounds) > 10
    assert list(store.root.glob("tool-environments/*/used")), "a step marks the environment that it starts in"
    packed, whole = repo.dist / "rain/rain.pex/.deps", repo.dist / "rain/whole.pex"
    before, linked = files_of(repo.dist), [*packed.iterdir(), whole]
    assert len(linked) > 1
    for path in (store.root / "users").glob("run-*"):
        os.utime(path, (0, 0))  # As after an hour in which the daemon does nothing.
    done = clean(store, set(), older_than=0, max_bytes=0)
    assert {path.resolve().name for path in linked} <= {blob.digest[7:] for blob in done.removed}
    assert not any(path.exists() for path in linked)
    repo.pants("package", "rain::")
    assert before == files_of(repo.dist)


def test_a_changed_line_is_packed_without_a_process_of_ours(repo, folder):
    """A packed PEX has the line, and starts from `dist/`, with its wheels in the store as they were."""
    repo.pants("package", "rain:rain")
    pex, digest = repo.dist / "rain/rain.pex", repo.record("rain/rain")["formats"]["pex"]["set_digest"]
    wheels = files_of(pex / ".deps")
    repo.write("rain/forecast.py", repo.read("rain/forecast.py") + "\n# One line more.\n")
    run = repo.pants("--stats-log", "package", "rain:rain")
    # What Pants does to parse a Python file.
    assert run.counters["local_execution_requests"] <= 1
    assert "# One line more." in (pex / "rain/forecast.py").read_text()
    facts = repo.record("rain/rain")["formats"]["pex"]
    assert ("packed", True) == (facts["layout"], digest != facts["set_digest"])
    assert wheels == files_of(pex / ".deps")
    env = {**environment(), "PEX_ROOT": str(folder / "pex-root")}
    command = [str(pex / "pex"), "predict", str(repo.root / "rain/request.json")]
    done = subprocess.run(command, env=env, capture_output=True, check=True)
    assert json.loads(repo.read("rain/response.json"))["outputs"][0]["name"] in done.stdout.decode()
    assert repo.pants("run", "rain:rain", "--", "verify").out.startswith(b"verified rain")
