"""The programs of an environment: what starts the package, and what wheels name."""

import os

from modelkiln.formats.installer.files import write

__all__ = ["first_line", "main_program", "script_of", "with_first_line", "write_script"]

# The kernel reads so much of a program's first line (linux, fs/binfmt_script.c, before 5.1).
_LONGEST = 127
_MAIN = """\
#!{python} -I
import importlib
import os
import sys

if __name__ == "__main__":
    folder = os.path.dirname(os.path.abspath(__file__))
    os.environ["VIRTUAL_ENV"] = folder
    pex = os.environ.get("PEX", "")
    for path in (pex, os.path.join(pex, "pex")):
        if pex and os.path.isfile(path):
            sys.argv[0] = path
    for name in [name for name in os.environ if name.startswith("PEX_")]:
        del os.environ[name]
    try:
        os.utime(os.path.join(folder, ".last-access"))
    except OSError:
        pass  # On a read-only disk: nobody cleans there.
    function = importlib.import_module({module!r})
    for name in {names!r}:
        function = getattr(function, name)
    sys.exit(function())
"""
_SCRIPT = """\
import sys
from {module} import {name}

if __name__ == "__main__":
    sys.exit({call}())
"""


def main_program(python, entry_point):
    """Return what calls "module:function" as Pex would; its first line says with what it is started."""
    module, _, function = entry_point.partition(":")
    return _MAIN.format(python=python, module=module, names=tuple(function.split("."))).encode()


def first_line(python):
    """Return the first line of a program that `python` runs, as pip writes it."""
    line = f"#!{python} -I\n"
    if len(line) <= _LONGEST and " " not in python:
        return line.encode()
    # Read by the shell as one command, and by Python as a string.
    return f"#!/bin/sh\n'''exec' \"{python}\" -I \"$0\" \"$@\"\n' '''\n".encode()


def script_of(entry, line):
    """Return the program that calls an entry point."""
    module, _, call = (part.strip() for part in entry.partition(":"))
    return line + _SCRIPT.format(module=module, name=call.partition(".")[0], call=call).encode()


def with_first_line(data, line):
    """Return a script of a wheel, with the interpreter where it asks for one."""
    if not data.startswith(b"#!python"):
        return data
    return line + data.partition(b"\n")[2]


def write_script(path, data):
    """Write a program; that of an entry point comes before a file of the same name, as with pip."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if not os.path.lexists(path):
        write(path, data, 0o777)
