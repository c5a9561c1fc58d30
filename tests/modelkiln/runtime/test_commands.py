"""The command line of a package: help, info, usage, and what it costs to start."""

import json
import subprocess
import sys

import pytest


@pytest.mark.parametrize("arguments", [[], ["--help"], ["predict", "--help"]])
def test_without_a_command_the_help_is_shown(make_package, arguments):
    """A package reports what it answers."""
    result = make_package().run(*arguments, check=0)
    assert result.stdout.startswith(b"usage: predict [FILE|-]")


@pytest.mark.parametrize("arguments", [["serve"], ["predict", "a", "b"], ["predict", "--fast"], ["info", "x"]])
def test_bad_usage_ends_with_2(make_package, arguments):
    """Arguments that are not understood are reported with the help, on standard error."""
    result = make_package().run(*arguments, check=2)
    assert (b"", True) == (result.stdout, b"usage: predict" in result.stderr)


def test_info_prints_the_record(make_package):
    """The record comes out as readable JSON."""
    package = make_package()
    result = package.run("info", check=0)
    assert package.record == json.loads(result.stdout)
    assert result.stdout.startswith(b'{\n  "artifacts"')


@pytest.mark.parametrize("record", ["", "[]", '{"schema": 2}'])
def test_a_damaged_record_is_refused(make_package, record):
    """The message names the file."""
    package = make_package()
    (package.root / ".modelkiln" / "record.json").write_text(record)
    assert b".modelkiln/record.json: " in package.run("info", check=1).stderr


def test_code_outside_of_a_package_says_so(make_package):
    """Without a record there is nothing to answer with."""
    package = make_package()
    (package.root / ".modelkiln" / "record.json").unlink()
    assert b"answers only inside a package" in package.run("predict", check=1).stderr


_SCRIPT = """
import os
import sys

import numpy

names = ("DO_NOT_TRACK", "HF_HUB_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY", "ORT_DISABLE_TELEMETRY")
print("said", *(os.environ.get(name) for name in names), file=sys.stderr)


def predict(inputs, model):
    return {"y": numpy.sum(inputs["x"], axis=1)}
"""


@pytest.mark.parametrize(
    ("variant", "environment", "said"),
    [
        ({}, {}, "1 1 true 1"),
        ({"env": {"ORT_DISABLE_TELEMETRY": "0", "OMP_NUM_THREADS": "1"}}, {}, "1 1 true 0"),
        ({}, {"ORT_DISABLE_TELEMETRY": "", "DO_NOT_TRACK": "0"}, "0 1 true "),
    ],
)
def test_libraries_are_silent_before_they_are_imported(make_package, variant, environment, said):
    """What they would report is switched off, unless the accelerator's table or the environment says otherwise."""
    package = make_package(_SCRIPT, variant=variant)
    request = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}
    result = package.run("predict", request=request, check=0, **environment)
    assert f"said {said}\n" in result.stderr.decode()


def test_starting_imports_little(make_package):
    """Start-up is part of every answer: slow modules stay out, numpy waits for a prediction."""
    package = make_package()
    code = (
        "import sys; before = set(sys.modules); import modelkiln.runtime.cli, modelkiln.runtime.predict;"
        "import modelkiln.runtime.record; print(*(set(sys.modules) - before))"
    )
    command = [sys.executable, "-S", "-c", code]
    result = subprocess.run(command, cwd=package.root, capture_output=True, text=True, check=True)
    slow = {"argparse", "dataclasses", "inspect", "numpy", "traceback", "typing", "importlib.metadata"}
    assert set() == slow & set(result.stdout.split())
