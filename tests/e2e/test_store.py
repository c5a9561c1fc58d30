"""The store through the real command: cleaned while a build runs, and what is missing from it."""

import os
import threading

import pytest
from monorepo import environment, small_monorepo

from modelkiln.store.cleaning import clean
from modelkiln.store.store import Store


@pytest.fixture
def repo(tmp_path):
    """A repository whose PEX is too large to pass through Pants, with a store of its own."""
    env = {**environment(), "PANTS_LOCAL_STORE_DIR": f"{tmp_path}/lmdb", "PANTS_NAMED_CACHES_DIR": f"{tmp_path}/named"}
    found = small_monorepo(tmp_path / "repo", env=env, options={"large_blob_limit": 1_000_000})
    found.replace("rain/BUILD", 'version="0.1.0"', 'version="0.1.0",\n    formats=["pex"]')
    yield found
    found.stop()


def test_a_store_is_cleaned_while_it_is_used(repo, tmp_path):
    """However often, and with the narrowest limit: the build gets what it needs. What was removed after it is made
    again by the next run, also by the same daemon, with the same bytes."""
    store, is_over, rounds = Store(tmp_path / "named/modelkiln"), threading.Event(), []

    def clean_on():
        while not is_over.wait(0.05):
            rounds.append(clean(store, set(), older_than=0, max_bytes=0))

    cleaner = threading.Thread(target=clean_on)
    cleaner.start()
    try:
        repo.pants("package", "test", "rain::")
    finally:
        is_over.set()
        cleaner.join()
    assert len(rounds) > 10
    assert list(store.root.glob("tool-environments/*/used")), "a step marks the environment that it starts in"
    pex = repo.dist / "rain/rain.pex"
    before, digest = pex.read_bytes(), repo.record("rain/rain")["formats"]["pex"]["sha256"]
    for path in (store.root / "users").glob("run-*"):
        os.utime(path, (0, 0))  # As after an hour in which the daemon does nothing.
    done = clean(store, set(), older_than=0, max_bytes=0)
    assert f"sha256:{digest}" in {blob.digest for blob in done.removed}
    assert not pex.exists()
    repo.pants("package", "rain::")
    assert before == pex.read_bytes()
