"""Real remote execution (REAPI) on loopback: buildbox-casd with buildbox-run, in bubblewrap."""

import json
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from components import require, require_venv
from loopback.remote_cache import buildbox, remote_cache

__all__ = ["RemoteExecution", "remote_execution"]

_LOCK = Path(__file__).resolve().parents[3] / "3rdparty/python/reapi.txt"
_ADAPTER = Path(__file__).with_name("execution_adapter.py")


class RemoteExecution:
    """A running server. store_address, address: for `--remote-store-address` and
    `--remote-execution-address`."""

    def __init__(self, store_address, address, log):
        self.store_address, self.address, self._log = store_address, address, log

    def executed(self):
        """Return what was executed: dicts with argv, env, code and is_copied
        (the names of its outputs had to be copied into the field that the worker reads)."""
        return [json.loads(line) for line in self._log.read_text().splitlines()[1:] if line.startswith("{")]


@contextmanager
def remote_execution(folder, programs=()):
    """Run a worker whose sandboxes have nothing but a process's inputs, /usr, /etc and the folders
    `programs`, read-only: no home, no cache, no checkout. Yields a RemoteExecution."""
    require("bwrap")
    python = require_venv(_LOCK)
    places = {"/usr": "/usr", "/bin": "/usr/bin", "/lib": "/usr/lib", "/lib64": "/usr/lib64", "/etc": "/etc"}
    places.update({str(one): str(one) for one in programs})
    mounts = [f"--runner-arg=--ro-bind-mount={source}:{target}" for target, source in places.items()]
    runner = buildbox() / "buildbox-run"
    with remote_cache(folder / "casd", options=[f"--buildbox-run={runner}", *mounts]) as cache:
        log, site = folder / "executed", runner.parents[3]
        command = [python, "-u", str(_ADAPTER), str(site), cache.address.rpartition("/")[2]]
        with log.open("wb") as out, (folder / "adapter").open("wb") as err:
            process = subprocess.Popen(command, stdout=out, stderr=err)
        try:
            yield RemoteExecution(cache.address, f"grpc://127.0.0.1:{_port(log, process)}", log)
        finally:
            process.terminate()
            process.wait(30)


def _port(log, process):
    for _ in range(600):
        if log.read_text().endswith("\n"):
            return int(log.read_text().splitlines()[0])
        assert process.poll() is None, log.with_name("adapter").read_text()
        time.sleep(0.1)
    raise AssertionError(log.with_name("adapter").read_text())
