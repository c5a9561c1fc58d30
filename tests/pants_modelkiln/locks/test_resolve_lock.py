"""Locks of resolves: whose pins they share."""

import pytest
from pants.backend.python.subsystems.setup import PythonSetup
from pants.testutil.option_util import create_subsystem

from modelkiln.errors import ModelkilnError
from pants_modelkiln.locks.resolve import shared_locks
from pants_modelkiln.subsystem import ModelkilnSubsystem


def _setup():
    return create_subsystem(
        PythonSetup,
        enable_resolves=True,
        default_resolve="cpu",
        resolves={"cpu": "cpu.txt", "cuda12": "cuda12.txt", "tools": "tools.txt"},
        interpreter_constraints=["CPython==3.11.*"],
        interpreter_versions_universe=["3.9", "3.10", "3.11", "3.12"],
        warn_on_python2_usage=True,  # Of newer releases.
    )


def _options(**constraints):
    return create_subsystem(ModelkilnSubsystem, resolve_constraints=constraints)


def test_shared_pins_come_from_the_locks_of_other_resolves():
    """A resolve that shares nothing has none."""
    options = _options(cuda12=["cpu", "tools"])
    assert ["cpu.txt", "tools.txt"] == shared_locks("cuda12", _setup(), options)
    assert [] == shared_locks("cpu", _setup(), options)


@pytest.mark.parametrize(("shared", "message"), [(["gpu"], "'gpu'"), ("cpu", "'cpu'")])
def test_unknown_resolves_to_share_with_are_refused(shared, message):
    """The value and the existing resolves are named."""
    with pytest.raises(
        ModelkilnError, match=f"resolve_constraints. cuda12: {message} is not a list.*cpu, cuda12, tools"
    ):
        shared_locks("cuda12", _setup(), _options(cuda12=shared))
