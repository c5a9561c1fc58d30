"""Start-up times: every step of a build is a process, so that what it need not import is not imported."""

import subprocess
import sys
from pathlib import Path

import pytest

from modelkiln.cli.main import COMMANDS

_SRC = Path(__file__).parents[3] / "src"
_NETWORK = {"http.client", "requests", "ssl", "urllib.request"}


def _imported(*modules: str) -> set:
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    return set(
        subprocess.run(
            command, env={"PYTHONPATH": str(_SRC)}, capture_output=True, text=True, check=True
        ).stdout.split()
    )


def test_help_of_all_commands_imports_no_registry_client():
    """What a command talks to is imported when it runs."""
    assert set() == _imported(*(f"modelkiln.cli.{name}" for name in COMMANDS.values())) & {"requests", "oras"}


@pytest.mark.parametrize("module", ["cli.build.fetch", "layers.debian", "layers.files", "layers.wheels"])
def test_steps_that_find_all_in_the_store_import_no_network(module):
    """An index, a mirror or a proxy is for what the store lacks."""
    assert set() == _imported(f"modelkiln.{module}") & _NETWORK


def test_the_registry_client_imports_no_json_schemas():
    """oras-py checks manifests of its own with them, for a quarter of its start; it never makes one here."""
    found = _imported("modelkiln.registry.client")
    assert "oras.provider" in found
    assert set() == found & {"attrs", "jsonschema", "referencing"}


# Runs the program named first, and is interrupted as it imports the module whose number is the second argument.
_INTERRUPTED = """
import os, runpy, signal, sys

class Finder:
    first = left = int(sys.argv[1])

    def find_spec(self, name, path=None, target=None):
        self.left -= name.startswith("modelkiln.") or self.left < self.first
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
del sys.argv[:2]
sys.argv.insert(0, "modelkiln")
runpy.run_module("modelkiln", run_name="__main__")
"""


@pytest.mark.parametrize("command", ["lint", "sign"])
@pytest.mark.parametrize("number", [2, 3, 5, 8, 13, 34, 60])
def test_an_interrupt_while_modules_load_is_said_in_a_word(command, number):
    """There is no traceback, and the exit code is that of an interrupt, however early it comes."""
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED, str(number), command, "--help"],
        env={"PYTHONPATH": str(_SRC)},
        capture_output=True,
        text=True,
    )
    assert (130, "interrupted") == (done.returncode, done.stderr.strip().rpartition(": ")[2])
    assert 1 == len(done.stderr.splitlines())
