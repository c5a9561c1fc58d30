"""The launcher with the real CPython 3.9, pip, Pants and Pex, from this machine's package index."""

import os
import re
import resource
import signal
from pathlib import Path

import pytest


@pytest.fixture
def env(sandbox):
    """Return this machine's environment with caches of its own, and end the daemon afterwards."""
    (sandbox.root / "pants.toml").write_text('[GLOBAL]\npants_version = "2.17.1"\n')
    (sandbox.root / "deep/BUILD").write_text('file(name="text", source="a.txt")\n')
    (sandbox.root / "deep/a.txt").touch()
    env = {name: value for name, value in os.environ.items() if not re.match("_?PANTS_", name)}
    env.update(MODELKILN_PANTS_LAUNCHER="own", XDG_CACHE_HOME=str(sandbox.cache.parents[1]))
    env.setdefault("UV_CACHE_DIR", str(Path.home() / ".cache/uv"))
    yield env
    for pid in sandbox.root.glob(".pids/*/pantsd/pid"):
        os.kill(int(pid.read_text()), signal.SIGTERM)


# A backend that reports how many schedulers there are when it is loaded.
_COUNTING = """\
import gc

from pants.engine.internals.scheduler import Scheduler

print("schedulers:", sum(isinstance(one, Scheduler) for one in gc.get_objects()))


def rules():
    return []
"""


def require_python(output):
    """Skip where the launcher has found no CPython 3.9, or fail where that must not be."""
    if "uv python install 3.9" in output:
        if os.environ.get("MODELKILN_REQUIRE_COMPONENTS") == "1":
            pytest.fail(output)
        pytest.skip("no CPython 3.9")


def _processor_seconds():
    """Return what the processes that ended have taken of the processor, on a busy machine as on an idle one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_two_first_real_installs_at_once_then_a_warm_command(sandbox, env):
    """One installs and one waits; both run; a warm command starts no Python, which takes more than a second.

    A command that has to start Pants makes one scheduler, which takes seconds, and none to look for plugins.
    """
    processes = [sandbox.start("--no-pantsd", "--version", **env) for _ in range(2)]
    results = [process.communicate(timeout=600) for process in processes]
    output = "".join(err for _, err in results)
    require_python(output)
    assert ["2.17.1\n", "2.17.1\n"] == [out for out, _ in results], output
    assert (1, 1) == (output.count("waiting for it"), output.count("3/3"))
    assert [] == [line for line in output.splitlines() if not line.startswith("pants: ")]
    assert 1 == len(sandbox.installs())

    first = sandbox.run("list", "::", cwd="deep", **env)  # Starts the daemon.
    assert (0, "deep:text\n") == (first.returncode, first.stdout), first.stderr
    times = []
    for _ in range(5):
        start = _processor_seconds()
        warm = sandbox.run("list", ":text", cwd="deep", **env)
        times.append(_processor_seconds() - start)
        assert (0, "deep:text\n", "") == (warm.returncode, warm.stdout, warm.stderr)
    assert min(times) <= 0.5
    assert 1 == sandbox.run("list", "deep:none", **env).returncode

    (sandbox.root / "counting").mkdir()
    (sandbox.root / "counting/register.py").write_text(_COUNTING)
    options = ("--no-pantsd", f"--pythonpath={sandbox.root}", "--backend-packages=counting")
    without = sandbox.run(*options, "list", "deep:text", **env)
    assert (0, "schedulers: 0\ndeep:text\n") == (without.returncode, without.stdout), without.stderr


def test_a_real_download_with_another_hash_is_refused(sandbox, env):
    """A wheel that is not the locked one fails the install, which leaves nothing."""
    lock = sandbox.locks / "pants.txt"
    chevron = re.search(r"chevron==.*(\n +--hash.*)+", lock.read_text())
    assert chevron
    lock.write_text(lock.read_text().replace(chevron[0], re.sub("sha256:.{64}", "sha256:" + "0" * 64, chevron[0])))
    result = sandbox.run("--version", **env)
    require_python(result.stderr)
    assert (1, "") == (result.returncode, result.stdout)
    assert "Hash mismatch" in result.stderr
    assert [] == sandbox.installs()
