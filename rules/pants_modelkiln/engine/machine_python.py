"""A CPython of this machine."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.engine.process import ProcessExecutionFailure
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from pants_modelkiln.compat.calls import find_interpreter, implicitly, rule

# Of Pex' list of interpreters that it looked at: `3.)  /usr/bin/python3.11 CPython==3.11.2`.
_SEEN = re.compile(r"^ *[0-9]+\.\) +\S+ ([\w+-]+)==([0-9.]+)$", re.MULTILINE)


@dataclass(frozen=True)
class MachinePythonRequest:
    """A CPython that fits one of `constraints`. purpose: what wants it, as errors begin."""

    constraints: tuple[str, ...]
    purpose: str

    @classmethod
    def of(cls, release: str, purpose: str) -> MachinePythonRequest:
        """One of a release, "3.11"."""
        return cls((f"CPython=={release}.*",), purpose)


@dataclass(frozen=True)
class MachinePython:
    """The path of an interpreter."""

    path: str


@rule(level=LogLevel.DEBUG)
async def find_python(request: MachinePythonRequest) -> MachinePython:
    """Have Pex look where Pants looks; raises ModelkilnError that says what there is."""
    try:
        found = await find_interpreter(InterpreterConstraints(request.constraints), **implicitly())
    except ProcessExecutionFailure as error:
        raise ModelkilnError(missing_python(request, str(error))) from None
    return MachinePython(found.path)


def missing_python(request: MachinePythonRequest, messages: str) -> str:
    """What people are to know of Pex' report that no interpreter fits."""
    releases = {version for name, version in _SEEN.findall(messages) if name.startswith("CPython")}
    ordered = sorted(releases, key=lambda version: [int(part) for part in version.split(".")])
    seen = f"it has CPython {', '.join(ordered)}" if ordered else f"Pex says: {' '.join(messages.split())[-500:]}"
    return (
        f"{request.purpose} needs {' or '.join(request.constraints)}, and this machine has none: {seen}. Install one, "
        "or add its folder to `search_path` of [python-bootstrap]."
    )


def rules():
    return collect_rules()
