"""Commands that are interrupted, and several at a time, with caches that hold nothing yet."""

import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from guard import mark
from monorepo import ROOT, environment, files_of, small_monorepo

from modelkiln.store.cleaning import clean
from modelkiln.store.store import Store

# What a first build does, in its order, by what Pants writes when it begins.
_STAGES = ("Installing the packaging engine", "Starting: Fetch ")


@pytest.fixture
def cold(tmp_path):
    """Return variables for commands whose caches are empty and shared."""
    env = environment()
    env["XDG_CACHE_HOME"] = env.get("XDG_CACHE_HOME") or f"{env['HOME']}/.cache"  # The launcher's install.
    return {**env, "PANTS_LOCAL_STORE_DIR": f"{tmp_path}/lmdb", "PANTS_NAMED_CACHES_DIR": f"{tmp_path}/named"}


@pytest.fixture
def make(tmp_path, cold):
    """Return a function that makes a small monorepo of a name; their daemons end with the test."""
    made = []

    def make_one(name, env=None):
        made.append(small_monorepo(tmp_path / name, env={**cold, **(env or {})}))
        return made[-1]

    yield make_one
    for repo in made:
        repo.stop()


def interrupt(repo, stage, *goal):
    """Press Ctrl-C once the command writes that it has come to a stage, or a step has such a command line; it ends
    soon, and with it what it started."""
    with subprocess.Popen(
        [ROOT / "pants", "--no-dynamic-ui", *goal],
        cwd=repo.root, env=mark(repo.env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    ) as command:  # fmt: skip
        seen = []
        reader = threading.Thread(target=lambda: seen.extend(command.stdout))
        reader.start()
        while not any(stage.encode() in one for one in [*seen, *_steps(repo)]):
            assert reader.is_alive(), f"{goal} ended before {stage!r}: {b''.join(seen).decode()}"
            time.sleep(0.02)
        os.killpg(command.pid, signal.SIGINT)
        assert 0 != command.wait(300)
        reader.join(300)
    end = time.monotonic() + 120
    while _steps(repo):
        assert time.monotonic() < end, "steps go on after the command"
        time.sleep(0.1)


def _steps(repo):
    """The command lines of the processes that work in a sandbox of the repository's daemon."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str(repo.root.parent) in os.readlink(folder / "cwd"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" "))
    return [one for one in found if b"modelkiln" in one]


def test_what_is_interrupted_goes_on_where_it_was(make, tmp_path):
    """Ctrl-C in each stage of a first `package`, and then in `test`; the next command ends well, with the same bytes
    as one that nobody disturbed. Pants kills a step that does not end within three seconds: what such a one leaves in
    the store has an owner that is gone, and goes with the next cleaning."""
    plain = small_monorepo(tmp_path / "plain")
    plain.pants("package", "::")
    wanted = files_of(plain.dist)
    plain.stop()
    sandboxes = tmp_path / "sandboxes"
    sandboxes.mkdir()
    repo = make("repo", {"PANTS_LOCAL_EXECUTION_ROOT_DIR": str(sandboxes)})
    for stage in _STAGES:
        interrupt(repo, stage, "package", "::")
        assert not repo.dist.exists()
    repo.pants("package", "::")
    assert wanted == files_of(repo.dist)
    interrupt(repo, "build smoke ", "test", "::")
    repo.pants("test", "::")
    store = Store(tmp_path / "named/modelkiln")
    assert not list(store.root.glob("tool-environments/*.part"))
    left = {f"incoming/{path.name}" for path in store.root.glob("incoming/*")}
    assert left <= set(clean(store, set()).leftovers)
    assert not list(store.root.glob("incoming/*"))
    assert wanted == files_of(repo.dist)


def test_several_commands_at_a_time_build_the_same(make):
    """Two repositories, one of them twice, that share caches which hold nothing."""
    first, second = make("first"), make("second")
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(repo.pants, "package", "::") for repo in (first, second, first)]
        for run in runs:
            run.result()
    assert files_of(first.dist) == files_of(second.dist)
