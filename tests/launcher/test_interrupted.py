"""An install that is interrupted or killed, at any moment."""

import fcntl
import os
import pty
import signal
import subprocess
import termios

import pytest
from processes import is_over, wait_until


def start(sandbox, number):
    """Start the launcher in a session of its own, as a terminal does."""
    return subprocess.Popen(
        [sandbox.root / "pants"],
        env={"PATH": str(sandbox.bin), "HOME": str(sandbox.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        start_new_session=True,
        # The parent of the tests may ignore it, as nohup does, and a shell cannot undo that.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )


def assert_removed(sandbox, process, number, said=(1,)):
    """The launcher ends in time, all of its output with it, says so, and leaves nothing.

    said: how often it may say so.
    """
    out, err = process.communicate(timeout=300)
    assert (128 + number, "") == (process.returncode, out)
    assert err.count("nothing of it will be used") in said, err
    assert [] == sandbox.installs() and not (sandbox.cache / "scratch").exists()


@pytest.mark.parametrize("stage", ["hook", "pip", "pex"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_install_removes_what_it_made(sandbox, tmp_path, number, stage):
    """The way a terminal interrupts: the signal goes to the whole group; what is built at the same time ends, too."""
    reached = tmp_path / "reached"
    sandbox.add_python(**{stage: f"echo $$ >{reached}; exec sleep 1000"})
    process = start(sandbox, number)
    wait_until(lambda: reached.exists() and reached.read_text())
    os.killpg(process.pid, number)
    assert_removed(sandbox, process, number)
    wait_until(lambda: is_over(int(reached.read_text())))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_launcher_alone_ends_all(sandbox, tmp_path, number):
    """The way `timeout` and CI end a command: it does not wait for what is downloading."""
    reached = tmp_path / "reached"
    sandbox.add_python(hook=f"echo $$ >{reached}; exec sleep 1000")
    process = start(sandbox, number)
    wait_until(lambda: reached.exists() and reached.read_text())
    process.send_signal(number)
    assert_removed(sandbox, process, number)
    wait_until(lambda: is_over(int(reached.read_text())))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moments", ["before", "after", "after twice"])
def test_no_moment_is_one_too_early(sandbox, number, moments):
    """A signal counts just before and after the process that installs is started; a second one changes nothing."""
    sandbox.add_python(hook="exec sleep 1000", pip="exec sleep 1000")
    launcher = sandbox.root / "launcher/group.sh"
    text = launcher.read_text()
    starts, removes = '  "$@" </dev/null &\n', "  local folder found= group="
    assert (1, 1) == (text.count(starts), text.count(removes))
    kill = f"  kill -{int(number)} $$\n"
    text = text.replace(starts, kill + starts if moments == "before" else starts + kill)
    if moments == "after twice":
        text = text.replace(removes, kill + removes)
    launcher.write_text(text)
    # Nothing may have begun.
    assert_removed(sandbox, start(sandbox, number), number, said=(0, 1))


def test_an_interrupted_search_ends(sandbox, tmp_path):
    """Before anything is installed, also where a Python that is asked ends by itself when it is interrupted."""
    reached = tmp_path / "reached"
    text = f"#!/usr/bin/env bash\ntrap 'exit 0' INT\necho $$ >{reached}\nwhile :; do sleep 0.1; done\n"
    sandbox.add_program(sandbox.bin / "python3.9", text)
    process = start(sandbox, signal.SIGINT)
    wait_until(lambda: reached.exists() and reached.read_text())
    os.killpg(process.pid, signal.SIGINT)
    assert_removed(sandbox, process, signal.SIGINT, said=(0,))
    wait_until(lambda: is_over(int(reached.read_text())))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_wait_leaves_what_another_installs(sandbox, tmp_path, number):
    """The one that waits for the lock ends at once; the one that has it installs."""
    gate = tmp_path / "gate"
    sandbox.add_python(hook=f"while [[ ! -e {gate} ]]; do sleep 0.05; done")
    first = sandbox.start("-V")
    wait_until(lambda: sandbox.times_installed() == 1)
    waiting = start(sandbox, number)
    assert "waiting for it" in waiting.stderr.readline()
    os.killpg(waiting.pid, number)
    assert ("", "") == waiting.communicate(timeout=300)
    assert 128 + number == waiting.returncode
    gate.touch()
    assert 0 == first.wait(timeout=300), first.stderr.read()
    first.communicate()
    assert 1 == sandbox.times_installed() == len(sandbox.installs())


def test_a_terminal_may_stop_what_is_in_its_background(sandbox, tmp_path):
    """`stty tostop`: the install writes how far it is from a process group of its own, and goes on."""
    gate, shown = tmp_path / "gate", b""
    sandbox.add_python(hook=f"while [[ ! -e {gate} ]]; do sleep 0.05; done")
    controller, terminal = pty.openpty()
    settings = termios.tcgetattr(terminal)
    settings[3] |= termios.TOSTOP
    termios.tcsetattr(terminal, termios.TCSANOW, settings)
    process = subprocess.Popen(
        [sandbox.root / "pants", "exit", "5"],
        env={"PATH": str(sandbox.bin), "HOME": str(sandbox.home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(2, termios.TIOCSCTTY, 0),
    )
    while b" of 250 MB unpacked " not in shown:
        shown += os.read(controller, 1 << 16)
    gate.touch()
    assert 5 == process.wait(timeout=600)
    os.close(terminal)
    os.close(controller)


def test_a_killed_install_is_not_used(sandbox, tmp_path):
    """While its last process still writes the next run waits for it; then it starts over."""
    gate, reached = tmp_path / "gate", tmp_path / "reached"
    sandbox.add_python(hook=f"echo $$ >>{reached}; while [[ ! -e {gate} ]]; do sleep 0.05; done")
    killed = sandbox.start("-V")
    wait_until(lambda: reached.exists() and reached.read_text())
    for pid in (killed.pid, os.getpgid(int(reached.read_text()))):
        os.kill(pid, signal.SIGKILL)
    killed.wait()
    (half,) = sandbox.installs()
    (half / "half").touch()
    nextrun = sandbox.start("-V")
    assert "waiting for it" in nextrun.stderr.readline()
    gate.touch()
    assert 0 == nextrun.wait(timeout=300), nextrun.stderr.read()
    killed.communicate()
    nextrun.communicate()
    assert 2 == sandbox.times_installed()
    assert [half] == sandbox.installs()
    assert not (half / "half").exists()


def test_the_install_of_a_killed_launcher_serves_the_next(sandbox, tmp_path):
    """What installs is another process; it goes on, and the next run waits for it."""
    gate, reached = tmp_path / "gate", tmp_path / "reached"
    sandbox.add_python(hook=f"echo $$ >>{reached}; while [[ ! -e {gate} ]]; do sleep 0.05; done")
    killed = sandbox.start("-V")
    wait_until(lambda: reached.exists() and reached.read_text())
    killed.kill()
    killed.wait()
    nextrun = sandbox.start("-V")
    assert "waiting for it" in nextrun.stderr.readline()
    gate.touch()
    assert 0 == nextrun.wait(timeout=300), nextrun.stderr.read()
    killed.communicate()
    nextrun.communicate()
    assert 1 == sandbox.times_installed() == len(sandbox.installs())
