"""What is said where this machine lacks a Python."""

from pants_modelkiln.engine.machine_python import MachinePythonRequest, missing_python

# As Pex 2.105 reports it; other releases list the same under other words.
MESSAGES = """\
Could not find a compatible interpreter.

Examined the following working interpreters:
1.)   /opt/3.9/bin/python3.9 CPython==3.9.18
2.) /opt/3.10/bin/python3.10 CPython==3.10.13
3.) /opt/3.13/bin/python3.13 CPython-t==3.13.0
4.)           /opt/pypy/pypy PyPy==3.9.18

Skipped the following broken interpreters:
1.) /opt/shims/python2:
python2: command not found
"""


def test_the_pythons_of_the_machine_are_named():
    """Whose Python it is, which one it needs, those that there are in their order, and what to do."""
    message = missing_python(MachinePythonRequest.of("3.14", "fraud:fraud: its PEX"), MESSAGES)
    assert message == (
        "fraud:fraud: its PEX needs CPython==3.14.*, and this machine has none: it has CPython 3.9.18, 3.10.13, "
        "3.13.0. Install one, or add its folder to `search_path` of [python-bootstrap]."
    )


def test_words_that_are_not_understood_are_passed_on():
    """A release of Pex may say it otherwise."""
    message = missing_python(MachinePythonRequest(("CPython>=3.11",), "resolve 'cpu': its lock"), "no\n python\n")
    assert "needs CPython>=3.11, and this machine has none: Pex says: no python. Install one" in message
