"""A build is a user of the store as a whole: what one of its steps has made is there for the next one."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from python_path import python_path

from modelkiln.canonical import canonical_json
from modelkiln.machine.settings import is_running, save_machine_env
from modelkiln.manifest.wheels import missing_wheels
from modelkiln.store.cleaning import clean, list_blobs
from modelkiln.store.result_cache import ResultCache
from modelkiln.store.store import Store

# As Pants does it: settings for its steps, then a step for each line of its input.
_RUN = """
import subprocess, sys
from pathlib import Path
from modelkiln.machine.settings import save_machine_env
save_machine_env(Path(sys.argv[1]), {})
root = Path(sys.argv[1])
for line in sys.stdin:
    if line.startswith("here "):
        exec(line[5:])
        print("done", flush=True)
        continue
    subprocess.run([sys.executable, "-c", line, sys.argv[1]], check=True)
    print("done", flush=True)
"""
_STEP = "import sys; from modelkiln.store.store import Store; store = Store(sys.argv[1]); "


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return Store(tmp_path / "store")


@pytest.fixture
def run(store):
    """A run of Pants, of which `step` runs one step to its end, and `here` code as its rules do."""
    env = {**os.environ, "PYTHONPATH": python_path()}
    command, pipe = [sys.executable, "-c", _RUN, str(store.root)], subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=env, text=True, start_new_session=True)

    def step(code):
        process.stdin.write(f"{_STEP}{code}\n")
        process.stdin.flush()
        assert "done\n" == process.stdout.readline()

    def here(code):
        process.stdin.write(f"here {code}\n")
        process.stdin.flush()
        assert "done\n" == process.stdout.readline()

    process.step, process.here = step, here
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def blobs(store):
    return {store.path(blob.digest).read_bytes() for blob in list_blobs(store)}


def clean_all(store):
    """Clean with the narrowest limit that there is."""
    return {blob.digest for blob in clean(store, set(), older_than=0, max_bytes=0).removed}


def test_what_a_run_uses_stays_between_its_steps(store, run):
    """Neither what a step has made goes nor what one has found, until the run is over."""
    old, other = store.add_bytes(b"old"), store.add_bytes(b"other")
    for digest in (old, other):
        os.utime(store.path(digest), (0, 0))
    run.step("store.add_bytes(b'made')")
    run.step(f"assert store.has({old!r})")
    assert {other} == clean_all(store)
    run.step("store.add_bytes(b'later')")
    assert set() == clean_all(store)
    assert {b"old", b"made", b"later"} == blobs(store)
    run.kill()
    run.wait()
    clean_all(store)
    assert set() == blobs(store)
    assert [] == list((store.root / "users").glob("run-*"))


def test_a_daemon_that_does_nothing_is_no_user(store, run):
    """Pants' daemon outlives its runs: an hour after the last step what they used may go, and the next run counts."""
    run.step("store.add_bytes(b'made')")
    (file,) = (store.root / "users").glob("run-*")
    assert is_running(store.root, file.name[len("run-") :])
    then = time.time() - 3700
    os.utime(file, (then, then))
    clean_all(store)
    assert set() == blobs(store)
    run.step("store.add_bytes(b'again')")
    clean_all(store)
    assert {b"again"} == blobs(store)


def test_a_step_that_takes_long_keeps_its_run(store, run):
    """However long ago it began: what earlier steps made stays for the next one."""
    run.step("store.add_bytes(b'made')")
    (file,) = (store.root / "users").glob("run-*")
    run.stdin.write(f"{_STEP}store.add_bytes(b'slow'); import time; time.sleep(60)\n")
    run.stdin.flush()
    while b"slow" not in blobs(store):
        time.sleep(0.05)
    then = time.time() - 3700
    os.utime(file, (then, then))
    clean_all(store)
    assert {b"made", b"slow"} == blobs(store)


def test_a_run_keeps_a_blob_itself(store, run):
    """Rules that name a blob mark it for their run, and make no user of the process, which may be a daemon."""
    digest = store.add_bytes(b"program")
    os.utime(store.path(digest), (0, 0))
    name = store.path(digest).relative_to(store.root)
    run.here(f"from modelkiln.store.users import keep_for_run; assert keep_for_run(root, {str(name)!r}, 7)")
    run.here(f"assert not keep_for_run(root, {str(name)!r}, 8) and not keep_for_run(root, 'sha256/00/00', 8)")
    clean_all(store)
    assert {b"program"} == blobs(store)
    run.kill()
    run.wait()
    clean_all(store)
    assert set() == blobs(store)


def test_a_run_keeps_a_blob_where_files_get_earlier_times_than_the_clock_has(store, run):
    """As all file systems give them, by a tick of the kernel, or by more where another machine serves the store."""
    digest = store.add_bytes(b"program")
    os.utime(store.path(digest), (0, 0))
    name = str(store.path(digest).relative_to(store.root))
    run.here("import time; clock = time.time_ns; time.time_ns = lambda: clock() + 10**9")
    run.here(f"from modelkiln.store.users import keep_for_run; assert keep_for_run(root, {name!r}, 7)")
    clean_all(store)
    assert {b"program"} == blobs(store)


def test_a_wheel_that_is_found_is_used(store):
    """What is read to see that it is whole counts as used from then on: it is opened only later."""
    digest = store.add_bytes(b"wheel")
    os.utime(store.path(digest), (0, 0))
    wheel = {"name": "a", "version": "1", "filename": "a-1-py3-none-any.whl", "sha256": digest[7:]}
    assert [] == missing_wheels([wheel], store)
    assert 60 > time.time() - store.path(digest).stat().st_mtime


def test_what_killed_processes_left_is_removed(store):
    """Temporary files have an owner, whatever they were to become; so have settings, which may hold logins."""
    ResultCache(store, "layers").put({"a": 1}, {"b": 2})
    code = (
        f"{_STEP}import os, tempfile\n"
        "from modelkiln.store.result_cache import ResultCache\n"
        "from modelkiln.base.interpreter import making_folder\n"
        "os.replace = lambda *names: os.kill(os.getpid(), 9)\n"
        "making = making_folder(store.root / 'interpreters' / 'x')\n"
        "making.__enter__()\n"
        "ResultCache(store, 'layers').put({'a': 2}, {'b': 2})\n"
    )
    env = {**os.environ, "PYTHONPATH": python_path()}
    subprocess.run([sys.executable, "-c", code, str(store.root)], env=env, check=False)
    ended = store.root / "machine/1-1.json"
    ended.parent.mkdir()
    ended.write_text("{}")
    os.utime(ended, (0, 0))
    save_machine_env(store.root, {"PIP_INDEX_URL": "x"})
    ended.write_text(json.dumps({}))
    os.utime(ended, (0, 0))
    left = clean(store, set()).leftovers
    assert {"incoming", "machine"} == {name.partition("/")[0] for name in left}
    assert (3, True) == (len(left), "machine/1-1.json" in left)
    assert [] == list((store.root / "incoming").iterdir())
    assert {canonical_json({"b": 2})} == {path.read_bytes() for path in (store.root / "layers").iterdir()}
    assert ["x.lock"] == [path.name for path in (store.root / "interpreters").iterdir()]
