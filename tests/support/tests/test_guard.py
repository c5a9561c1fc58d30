"""What a test process starts and writes does not outlive it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# Starts a daemon in a session of its own, whose child has no variables, and waits. The daemon has either a mark, or a
# title in its variables' place.
_PROCESS = """
import subprocess, sys, time
from guard import guarded, mark
daemon = "import subprocess, time; subprocess.Popen(['sleep', '1000'], env={}); print(1, flush=True); time.sleep(1000)"
folder, ending, is_kept, kind = sys.argv[1:]
with guarded(folder, lambda: is_kept == "True"):
    name, env = (f"pantsd [{folder}/repo]", {}) if kind == "titled" else ("python", mark({}))
    started = subprocess.Popen(
        [name, "-c", daemon], executable=sys.executable, stdout=subprocess.PIPE, env=env, start_new_session=True
    )
    started.stdout.readline()
    print(started.pid, flush=True)
    if ending == "wait":
        time.sleep(1000)
"""


def start(folder, ending, prefix=(), is_kept=False, kind="marked"):
    """Start a guarded process; returns it, and the processes that it started."""
    command = [*prefix, sys.executable, "-c", _PROCESS, str(folder), ending, str(is_kept), kind]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=env)
    daemon = process.stdout.readline().decode().strip()
    return process, [daemon, *Path(f"/proc/{daemon}/task/{daemon}/children").read_text().split()]


def left(pids):
    """Return which processes run, after a while in which they may end."""
    end = time.monotonic() + 30
    while True:
        running = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
        if not running or time.monotonic() > end:
            return running
        time.sleep(0.1)


def is_there(folder):
    """Return whether a folder is there, after a while in which it may be removed."""
    end = time.monotonic() + 30
    while folder.exists() and time.monotonic() < end:
        time.sleep(0.1)
    return folder.exists()


@pytest.fixture
def folder(tmp_path):
    """Return a folder with something in it that cannot be written."""
    made = tmp_path / "made"
    (made / "closed").mkdir(parents=True)
    (made / "closed/file").touch()
    (made / "closed").chmod(0o500)
    return made


@pytest.mark.parametrize("kind", ["marked", "titled"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_killed_leaves_nothing(folder, number, kind):
    """Its daemon, what that started, and its files go with it."""
    process, started = start(folder, "wait", kind=kind)
    assert 2 == len(started)
    process.send_signal(number)
    assert [] == left(started)
    assert not is_there(folder)
    assert 0 != process.wait(30)


def test_a_process_ends_when_what_started_it_has_ended(folder):
    """As a test process whose Pants was killed."""
    process, started = start(folder, "wait", ["/bin/sh", "-c", '"$@" & wait', "sh"])
    process.kill()
    assert [] == left(started)
    assert not is_there(folder)
    assert b"" == process.stdout.read()


@pytest.mark.parametrize("is_kept", [False, True])
def test_files_stay_where_a_test_failed(folder, is_kept):
    """At an end as it should be, processes end and the files are removed, unless they are to be kept."""
    process, started = start(folder, "end", is_kept=is_kept)
    assert 0 == process.wait(30)
    assert [] == left(started)
    assert is_kept == (folder.exists() if is_kept else is_there(folder))
