"""Settings of this machine for fetching: what is kept of them, for whom, and how long."""

import json
import os
import subprocess
import sys
import time

import pytest
from steps import with_little_room

import modelkiln
from modelkiln.machine.settings import load_machine_env, own_settings, save_machine_env, save_machine_file

# A run: saves what it is given, lets a build process of its own say what it sees, and waits for its end.
_RUN = """\
import os, subprocess, sys
from pathlib import Path
from modelkiln.machine.settings import save_machine_env
for line in sys.stdin:
    save_machine_env(Path(sys.argv[1]), {"DOCKER_CONFIG": line.strip(), "SECRET": "x"})
    command = ["sh", "-c", 'exec "$@" & wait', "sh", sys.executable, "-c", sys.argv[2], sys.argv[1]]
    subprocess.run(command, check=True)
"""
_STEP = """\
import sys
from pathlib import Path
from modelkiln.machine.settings import load_machine_env
print(load_machine_env(Path(sys.argv[1]))["DOCKER_CONFIG"], flush=True)
"""


class Run:
    """A process that saves settings as Pants does, with build processes as its descendants."""

    def __init__(self, store):
        root = os.path.dirname(os.path.dirname(modelkiln.__file__))
        self.process = subprocess.Popen(
            [sys.executable, "-c", _RUN, str(store), _STEP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": root, "PATH": os.environ["PATH"]},
        )

    def seen_by_a_step(self, setting):
        self.process.stdin.write(f"{setting}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture
def runs(tmp_path):
    """Two runs at a time with one store."""
    both = [Run(tmp_path), Run(tmp_path)]
    yield both
    for run in both:
        run.end()


def files(store):
    return sorted(store.glob("machine/*"))


def test_two_runs_with_different_logins_see_each_their_own(runs, tmp_path):
    """A later saving changes nothing for the other's build processes."""
    one, other = runs
    assert "/first" == one.seen_by_a_step("/first")
    assert "/second" == other.seen_by_a_step("/second")
    assert "/first" == one.seen_by_a_step("/first")
    assert "/third" == other.seen_by_a_step("/third")
    assert 2 == len(files(tmp_path))
    assert {0o600} == {path.stat().st_mode & 0o777 for path in files(tmp_path)}
    assert "SECRET" not in "".join(path.read_text() for path in files(tmp_path))


def test_files_of_runs_that_are_over_are_removed(runs, tmp_path):
    """By the next run that saves, and never those of a run that lives, however old."""
    one, other = runs
    one.seen_by_a_step("/first")
    other.seen_by_a_step("/second")
    hour_ago = time.time() - 3600
    for path in files(tmp_path):
        os.utime(path, (hour_ago, hour_ago))
    other.end()
    save_machine_env(tmp_path, {"DOCKER_CONFIG": "/here"})
    assert ["/first", "/here"] == sorted(json.loads(path.read_text())["DOCKER_CONFIG"] for path in files(tmp_path))
    assert "/first" == one.seen_by_a_step("/first")


def test_a_command_outside_of_pants_takes_what_was_saved_last(runs, tmp_path):
    """As `modelkiln export` does, for what its own environment leaves out."""
    assert "DOCKER_CONFIG" not in load_machine_env(tmp_path)
    runs[0].seen_by_a_step("/first")
    os.utime(files(tmp_path)[0], (1, 1))
    runs[1].seen_by_a_step("/second")
    assert "/second" == load_machine_env(tmp_path)["DOCKER_CONFIG"]
    (tmp_path / "machine/1-1.json").symlink_to("gone")  # As one that is removed while they are looked through.
    assert "/second" == load_machine_env(tmp_path)["DOCKER_CONFIG"]


def test_a_command_takes_its_own_and_not_those_of_the_last_build(runs, tmp_path, monkeypatch):
    """A registry without TLS, or a login, of another repository's build is not the command's."""
    runs[0].seen_by_a_step("/theirs")
    monkeypatch.setenv("REGISTRY_AUTH_FILE", "/own")
    with own_settings():
        env = load_machine_env(tmp_path)
    assert ("/own", None) == (env["REGISTRY_AUTH_FILE"], env.get("DOCKER_CONFIG"))
    assert "/theirs" == load_machine_env(tmp_path)["DOCKER_CONFIG"]


def test_settings_that_change_within_a_run_count(tmp_path):
    """Each save replaces what this process saved before."""
    for value in ("/one", "/two"):
        save_machine_env(tmp_path, {"DOCKER_CONFIG": value})
        assert value == load_machine_env(tmp_path)["DOCKER_CONFIG"]
    assert 1 == len(files(tmp_path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_user_without_a_name_has_settings_too(tmp_path):
    """As a container or a worker runs processes: its HOME is what its environment says."""
    tmp_path.chmod(0o755)
    step = "import sys; from pathlib import Path; from modelkiln.machine.settings import load_machine_env as load; "
    step += "print(load(Path(sys.argv[1]))['HOME'])"
    # The engine is imported before the user changes, who may not read this checkout.
    become = "import os, modelkiln.machine.settings; os.setuid(54321); "
    env = {"PYTHONPATH": os.path.dirname(os.path.dirname(modelkiln.__file__)), "HOME": "/nowhere"}
    result = subprocess.run(
        [sys.executable, "-c", become + step, str(tmp_path)], env=env, capture_output=True, check=True
    )
    assert b"/nowhere\n" == result.stdout


def test_a_file_that_a_full_disk_does_not_take_leaves_nothing(tmp_path):
    """The error is raised, and the file that was there is as it was."""
    save_machine_file(tmp_path, "pythons/3.11", "/usr/bin/python3.11")

    def save():
        with pytest.raises(OSError, match="large"):
            save_machine_file(tmp_path, "pythons/3.11", "x" * 1000)

    assert 0 == with_little_room(save)
    assert "/usr/bin/python3.11" == (tmp_path / "pythons/3.11").read_text()
    assert [] == list((tmp_path / "incoming").iterdir())
