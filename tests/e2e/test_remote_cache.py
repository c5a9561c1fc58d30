"""Builds on a clean machine whose remote cache knows everything."""

import os
import re
import shutil
import socket

import pytest
from elsewhere import known_pythons
from loopback.remote_cache import remote_cache
from monorepo import ROOT, environment, files_of, is_other_pants, named_caches, small_monorepo

# A package next to the others, whose image alone is rendered: its layers stay in the store.
_LEAN = """
model_package(
    name="lean",
    entry_point="rain.forecast:predict",
    artifacts=[":weights"],
    signature="signature.json",
    formats=["oci"],
)
"""
# Released in 2014 as an sdist, and never as a wheel.
_DOCOPT = "docopt==0.6.2 --hash=sha256:49b3a825280bd66b3aa83585ef59c4a8c82f2c8a522dbe754a8bc8d08c85c491\n"


def need_sdist(repo):
    """Have the model of a small monorepo need a package that exists as an sdist alone."""
    repo.write("locks/python.in", repo.read("locks/python.in") + "docopt\n")
    repo.write("locks/python.txt", repo.read("locks/python.txt") + _DOCOPT)
    text = (ROOT / "rules/pants_modelkiln/pip_tools.txt").read_text()
    pin = re.search(r"^setuptools==.*(\n +--hash.*)+\n", text, re.MULTILINE)
    assert pin
    repo.write("locks/python.build.txt", pin[0])
    repo.replace("rain/forecast.py", "import numpy\n", "import docopt  # noqa: F401\nimport numpy\n")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Return a remote cache."""
    with remote_cache(tmp_path_factory.mktemp("casd")) as running:
        yield running


# By default Pants waits 1.5 s for an answer, and gives up what it has not written 3 s after a command: neither is
# enough for sure on a busy machine.
_PATIENT = {"PANTS_REMOTE_CACHE_RPC_TIMEOUT_MILLIS": "60000", "PANTS_SESSION_END_TASKS_TIMEOUT": "120"}


def machine(folder, cache, umask=0o022):
    """Return a monorepo on a machine of its own: other paths, HOME and caches, an empty store."""
    env = environment()
    # What the launcher installs is not what is tested here, and it takes a minute.
    env["XDG_CACHE_HOME"] = env.get("XDG_CACHE_HOME") or f"{env['HOME']}/.cache"
    home = folder / "home"
    home.mkdir(parents=True)
    env.update(known_pythons(env), HOME=str(home), USER=folder.name, LOGNAME=folder.name)
    env.update(PANTS_LOCAL_STORE_DIR=f"{home}/lmdb", PANTS_NAMED_CACHES_DIR=f"{home}/named")
    env.update(PANTS_REMOTE_CACHE_READ="true", PANTS_REMOTE_CACHE_WRITE="true", PANTS_STATS_LOG="true")
    env["PANTS_REMOTE_STORE_ADDRESS"] = cache.address
    env["PANTS_CACHE_CONTENT_BEHAVIOR"] = "defer"
    env.update(_PATIENT)
    repo = small_monorepo(folder / "monorepo", env=env, umask=umask)
    repo.write("rain/BUILD", repo.read("rain/BUILD") + _LEAN)
    need_sdist(repo)
    return repo


def impatient_machine(folder, cache):
    """Return one that waits no longer for its cache than Pants does by default."""
    repo = machine(folder, cache)
    for name in _PATIENT:
        del repo.env[name]
    return repo


@pytest.fixture(scope="module")
def first(cache, tmp_path_factory):
    """Return the machine that built everything."""
    repo = machine(tmp_path_factory.mktemp("first"), cache)
    repo.pants("package", "::")
    repo.pants("test", "::")
    repo.stop()
    return repo


def outputs(repo):
    """Return what is in dist/; of links into the store, which another machine's may lack, the names."""
    return {name: None if kind == "link" else digest for name, (kind, digest) in files_of(repo.dist).items()}


def misses(run):
    """Return how many processes the remote cache did not know, of those that it was asked for."""
    assert run.counters["remote_cache_requests"] > 0
    return run.counters["remote_cache_requests_uncached"] + run.counters["remote_cache_read_errors"]


def test_a_clean_machine_runs_nothing(first, cache, tmp_path):
    """Another path, user and umask: every process is known, few bytes are fetched, and the outputs are the same."""
    second = machine(tmp_path / "deeper" / "second", cache, umask=0o077)
    try:
        before = cache.received
        assert 0 == misses(second.pants("package", "rain:lean"))
        assert cache.received - before < 512 << 10
        assert 0 == misses(second.pants("package", "::"))
        assert 0 == misses(second.pants("test", "::"))
    finally:
        second.stop()
    assert outputs(first) == outputs(second)


def test_a_blob_of_another_machine_is_made_here_when_it_is_needed(first, cache, tmp_path):
    """An edit needs the layers that only the first machine's store has: they are rebuilt, and are the same."""
    third = machine(tmp_path / "third", cache)
    third.replace("rain/forecast.py", "factor}", "factor * 1}")
    run = third.pants("test", "::")
    third.stop()
    assert run.log.count("✓") == 2 and "✕" not in run.log
    stores = [named_caches(repo.env) / "modelkiln" / "sha256" for repo in (first, third)]
    of_first, of_third = ({path.name for path in store.rglob("*") if path.is_file()} for store in stores)
    assert of_third <= of_first | {name for name in of_third if (stores[1] / name[:2] / name).stat().st_size < 1 << 20}


def test_a_cache_that_lost_and_damaged_blobs_costs_time_alone(first, cache, tmp_path):
    """The largest blob is gone and the next one is damaged: the build makes them again, with the same bytes."""
    largest, next_one = cache.blobs()[:2]
    largest.unlink()
    os.chmod(next_one, 0o644)
    next_one.write_bytes(b"x" * next_one.stat().st_size)
    repo = machine(tmp_path / "unlucky", cache)
    repo.pants("package", "::")
    repo.stop()
    assert outputs(first) == outputs(repo)


@pytest.fixture
def silent():
    """Return the address of a cache that takes calls and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"grpc://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("trouble", ["gone", "silent"])
def test_without_its_cache_a_build_says_so_and_goes_on(first, cache, silent, tmp_path, trouble):
    """Nobody listens at the address, or nobody answers there."""
    repo = impatient_machine(tmp_path / "alone", cache)
    repo.env["PANTS_REMOTE_STORE_ADDRESS"] = "grpc://127.0.0.1:9" if trouble == "gone" else silent
    # Before a step is started here as well, which may be over before Pants stops waiting and says so.
    repo.env["PANTS_REMOTE_CACHE_RPC_TIMEOUT_MILLIS"] = "500"
    # What needs no network of its own: this is about the cache.
    shutil.copytree(named_caches(first.env), named_caches(repo.env), symlinks=True)
    run = repo.pants("package", "::")
    repo.stop()
    # From 2.31 on nothing is said of a server that takes the connection and stays silent: Pants runs the step
    # here meanwhile, and then cancels the question, which no time-out ends.
    if trouble == "gone" or not is_other_pants():
        assert "remote cache" in run.log
    assert outputs(first) == outputs(repo)


def test_a_slow_cache_changes_nothing(first, cache, tmp_path):
    """Each answer comes a second late: what is quicker to make here is made here, with the same bytes."""
    repo = impatient_machine(tmp_path / "slow", cache)
    shutil.copytree(named_caches(first.env), named_caches(repo.env), symlinks=True)
    cache.delay = 1.0
    try:
        repo.pants("package", "::")
    finally:
        cache.delay = 0.0
        repo.stop()
    assert outputs(first) == outputs(repo)


def test_no_key_holds_this_machine(first, cache):
    """Neither home, nor checkout, nor user is in what the cache keeps of processes."""
    texts = [path.read_bytes() for path in cache.blobs() if path.stat().st_size < 64 << 10]
    secrets = (str(first.root).encode(), first.env["HOME"].encode())
    assert [] == [text[:200] for text in texts if any(secret in text for secret in secrets)]
