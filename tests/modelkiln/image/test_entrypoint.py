"""Commands that images start: what they name must be in the package."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.image.entrypoint import check_command, imports_of_command


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["/opt/venv/bin/uvicorn", "svc.app:app"],
        ["/opt/venv/bin/../bin/uvicorn"],
        ["/opt/venv/bin/python3.11", "-m", "other"],
        ["/opt/venv/bin/python", "server.py"],
        ["/usr/bin/tini", "--", "/opt/venv/bin/gunicorn"],
        ["gunicorn"],
    ],
)
def test_programs_of_wheels_interpreters_and_of_the_base_are_taken(command):
    """What the base image or PATH has is not known here."""
    check_command("//a:p", command, {"uvicorn"})


def test_a_program_that_no_wheel_brings_is_refused():
    """The message names target, field, program and remedy."""
    with pytest.raises(ModelkilnError, match=r"//a:p: the field `entrypoint` starts /opt/venv/bin/uvicorn, .*#uvicorn"):
        check_command("//a:p", ["/opt/venv/bin/uvicorn", "svc.app:app"], {"fastapi"})


@pytest.mark.parametrize(
    ("command", "modules"),
    [
        (["python", "-m", "uvicorn", "svc.app:app"], ["uvicorn"]),
        (["/opt/venv/bin/python3.11", "-I", "-X", "dev", "-m", "svc.server"], ["svc.server"]),
        (["/opt/venv/bin/python", "-m", "modelkiln.runtime", "predict"], []),
        (["python3", "server.py", "-m", "x"], []),
        (["python3", "-c", "import x", "-m", "x"], []),
        (["python3", "-m"], []),
        (["/usr/bin/pythonic", "-m", "x"], []),
        (["/opt/venv/bin/uvicorn", "-m", "x"], []),
        ([], []),
    ],
)
def test_the_module_that_a_command_runs_is_an_import(command, modules):
    """`-m` of an interpreter names one, but not what stands after its script."""
    assert modules == [one.module for one in imports_of_command(command)]
