"""Commands run in an unpacked root."""

import os
import shutil
import time

import pytest
from components import require

from modelkiln.errors import ModelkilnError
from modelkiln.machine.sandbox import can_run, run_command, sandbox_command, with_read_only_disk, without_network

SHELL = ["/bin/busybox", "sh", "-c"]


@pytest.fixture
def root(tmp_path):
    """A root that holds a static busybox and nothing else."""
    require("bwrap")
    busybox = require("busybox")
    if can_run():
        pytest.skip(can_run())
    (tmp_path / "root" / "bin").mkdir(parents=True)
    shutil.copy(busybox, tmp_path / "root" / "bin" / "busybox")
    return tmp_path / "root"


def shell(root, script, stdin=b"", timeout=120.0, env=None, cwd="/"):
    """Run a shell script in the root."""
    return run_command(sandbox_command(root, [*SHELL, script], env or {}, cwd), {}, stdin, timeout)


def test_a_command_gets_its_input_and_gives_output_and_exit_code(root):
    """All three streams and the exit code pass."""
    finished = shell(root, "busybox cat; busybox echo no >&2; exit 3", b"yes", env={"PATH": "/bin"})
    assert (3, b"yes", b"no\n") == (finished.exit_code, finished.stdout, finished.stderr)


def test_a_command_runs_as_the_images_user_in_the_images_environment(root):
    """Uid, working directory and environment are the image's; nothing of the host's comes along."""
    finished = shell(root, "/bin/busybox id -u; /bin/busybox id -g; pwd", cwd="/bin")
    assert [b"65532", b"65532", b"/bin"] == finished.stdout.split()
    command = sandbox_command(root, ["/bin/busybox", "env"], {"A": "1"})
    assert {b"A=1", b"PWD=/"} == set(run_command(command, {}, b"", 20).stdout.splitlines())


def test_the_root_is_read_only_and_tmp_is_not(root):
    """A package can write to /tmp alone, which starts empty."""
    finished = shell(root, "/bin/busybox ls -A /tmp; echo x >/x; echo x >/bin/x; echo x >/tmp/x && echo ok")
    assert b"ok\n" == finished.stdout
    assert 2 == finished.stderr.count(b"Read-only file system")
    assert not (root / "x").exists() and [] == list((root / "tmp").iterdir())


def test_there_is_no_network(root):
    """Only an unused loopback interface is there."""
    assert b"lo" == shell(root, "/bin/busybox ifconfig -a | /bin/busybox cut -c1-2").stdout.split()[0]
    assert 1 == shell(root, "/bin/busybox grep -c : /proc/net/dev").stdout.count(b"1")


def test_a_command_that_runs_too_long_is_ended(root):
    """The time limit ends the command and what it started."""
    start = time.monotonic()
    with pytest.raises(ModelkilnError, match="no answer after 0.5 s"):
        shell(root, "/bin/busybox sleep 600 & /bin/busybox sleep 600", timeout=0.5)
    assert time.monotonic() - start < 300


def test_a_link_for_a_mount_point_is_refused(root):
    """Nothing is mounted through a link of the image's."""
    (root / "tmp").symlink_to("/etc")
    with pytest.raises(ModelkilnError, match="/tmp is not a folder"):
        shell(root, "true")


def test_a_command_on_the_host_can_be_cut_from_the_network(root):
    """The host's files are there, its network is not."""
    finished = run_command(without_network(["/bin/sh", "-c", "grep : /proc/net/dev"]), {"PATH": "/bin"}, b"", 20)
    assert [b"lo"] == [line.split(b":")[0].strip() for line in finished.stdout.splitlines()]


def test_a_command_on_the_host_can_get_a_read_only_disk(root, tmp_path):
    """It writes to the folders that it is given, to devices and to shared memory, and to nothing else."""
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.mkdir()
    other.mkdir()
    script = (
        f"echo 1 >{mine}/a; echo 1 >{other}/a; echo 1 >/dev/null && echo null; grep : /proc/net/dev; "
        f"touch /var/tmp/modelkiln-a /dev/shm/modelkiln-{os.getpid()} && echo no; "
        f"rm /dev/shm/modelkiln-{os.getpid()} && echo shared"
    )
    command = with_read_only_disk(["/bin/sh", "-c", script], [mine], {})
    finished = run_command(command, {"PATH": "/bin:/usr/bin"}, b"", 20)
    assert [b"null", b"lo", b"shared"] == [line.split(b":")[0].strip() for line in finished.stdout.splitlines()]
    assert 2 == finished.stderr.count(b"Read-only file system")
    assert (["a"], []) == ([path.name for path in mine.iterdir()], list(other.iterdir()))


def test_a_command_that_is_not_there_is_reported():
    """The message names it."""
    with pytest.raises(ModelkilnError, match="^/absent: No such file or directory.$"):
        run_command(["/absent"], {}, b"", 5)
