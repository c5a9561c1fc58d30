"""A Python on this machine that takes it for a Mac; see mac/sitecustomize.py for what it lacks."""

import os
import subprocess
import sys
from pathlib import Path

from python_path import python_path

__all__ = ["run_on_a_mac"]

_MAC = Path(__file__).parent / "mac"


def run_on_a_mac(script, *arguments, given="", is_mac=True, **environ):
    """Run a script, which gets `given` on its standard input; returns what it printed, or its errors.

    environ: all variables but PYTHONPATH. is_mac: False for the same without the difference.
    """
    path = os.pathsep.join([str(_MAC)] * is_mac + [python_path()])
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        input=given,
        env={"PATH": os.environ["PATH"], **environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout or done.stderr
