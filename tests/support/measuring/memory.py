"""How much memory a process takes at its peak."""

import subprocess
import sys

from python_path import python_path

__all__ = ["peak_memory"]

# Not ru_maxrss, which begins with what the parent had when it started the process.
_PEAK = """
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM:")))
"""


def peak_memory(script, *arguments):
    """Run a Python script in a process of its own, which prints nothing; returns its peak of resident memory in KiB."""
    command = [sys.executable, "-c", f"{script}\n{_PEAK}", *map(str, arguments)]
    env = {"PYTHONPATH": python_path()}
    return int(subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True).stdout)
