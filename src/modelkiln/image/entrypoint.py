"""The command of a user's own that an image starts, and whether the package has what it names."""

import posixpath
import re
from typing import Collection, Sequence

from modelkiln.conventions import VENV
from modelkiln.errors import ModelkilnError
from modelkiln.package.imports import Import

__all__ = ["check_command", "imports_of_command"]

_BIN = f"/{VENV}/bin"
_PYTHON = re.compile(r"python(3(\.\d+)?)?")
# Options of the interpreter whose value is an argument of its own.
_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")


def imports_of_command(command: Sequence[str]) -> list[Import]:
    """Return the module that a command runs, `python -m uvicorn`: it must be there as what code imports."""
    module = _module(command)
    return [Import(module, "the field `entrypoint`")] if module and module.split(".")[0] != "modelkiln" else []


def check_command(where: str, command: Sequence[str], scripts: Collection[str]) -> None:
    """Refuse a command whose program should be in the package's virtual environment, and is not.

    scripts: names of programs of its wheels. What a base image has is not known here; the smoke test looks for it.
    Raises ModelkilnError.
    """
    program = posixpath.normpath(command[0]) if command and command[0] else ""
    folder, name = posixpath.split(program)
    if folder != _BIN or name in scripts or _PYTHON.fullmatch(name):
        return
    raise ModelkilnError(
        f"{where}: the field `entrypoint` starts {program}, and no requirement of the package brings a program "
        f"{name!r}. Requirements are inferred from imports: name the target of the one that has it in `dependencies`, "
        f'such as "//3rdparty/python#{name}", after adding it to the requirements of the resolve and locking it.'
    )


def _module(command: Sequence[str]) -> str:
    """The argument of `-m`, where the program is a Python; "" elsewhere."""
    if not command or not _PYTHON.fullmatch(posixpath.basename(command[0])):
        return ""
    words = iter(command[1:])
    for word in words:
        if word == "-m":
            return next(words, "")
        if word in _WITH_VALUE:
            next(words, "")
        elif not word.startswith("-") or word in ("-", "-c"):
            break
    return ""
