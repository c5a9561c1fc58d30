"""Which Python a resolve is locked under, and which one runs a package."""

import pytest
from pants.backend.python.subsystems.setup import PythonSetup
from pants.engine.addresses import Address
from pants.testutil.option_util import create_subsystem

from modelkiln.errors import ModelkilnError
from modelkiln.frozen_json import FrozenJson
from pants_modelkiln.inputs.base_image import BaseImage
from pants_modelkiln.manifest.resolve_python import package_python, resolve_python

ADDRESS = Address("fraud", target_name="fraud")


def _setup(**constraints):
    return create_subsystem(
        PythonSetup,
        enable_resolves=True,
        default_resolve="cpu",
        resolves={"cpu": "cpu.txt", "tools": "tools.txt"},
        resolves_to_interpreter_constraints=constraints,
        interpreter_constraints=["CPython==3.11.*"],
        interpreter_versions_universe=["3.9", "3.10", "3.11", "3.12"],
        warn_on_python2_usage=True,  # Of newer releases.
    )


def _base(python):
    address = Address("images", target_name="base")
    return BaseImage(address, "amd64", ("amd64",), python, f"/usr/bin/python{python}", "2.36", FrozenJson.of({}))


def test_a_resolve_is_locked_under_the_oldest_python_that_it_serves():
    """Its own constraints come before those of the repository."""
    setup = _setup(tools=["CPython>=3.10,<3.13"])
    assert "3.11" == resolve_python("cpu", setup)
    assert "3.10" == resolve_python("tools", setup)


@pytest.mark.parametrize("release", ["3.13", "3.14"])
def test_pythons_that_pants_does_not_know_are_locked(release):
    """A release of Pants lists those that were there when it was made."""
    assert release == resolve_python("tools", _setup(tools=[f"CPython=={release}.*"]))


def test_constraints_that_no_python_fits_are_refused():
    """The resolve and the option are named."""
    with pytest.raises(ModelkilnError, match="resolve 'tools': no release.*resolves_to_interpreter_constraints"):
        resolve_python("tools", _setup(tools=["CPython==3.7.*"]))


def test_a_package_runs_on_the_python_of_its_base():
    """Which the resolve must serve: else package, base, both Pythons and what to change are named."""
    setup = _setup(tools=["CPython>=3.12.4,<3.14"])
    assert "3.13" == package_python(ADDRESS, "tools", _base("3.13"), "3.11", setup)
    message = "fraud:fraud: its base images:base has Python 3.11, and the resolve 'tools' is for CPython.*`base_image`"
    with pytest.raises(ModelkilnError, match=message):
        package_python(ADDRESS, "tools", _base("3.11"), "3.11", setup)


def test_without_a_base_the_resolve_says_which():
    """The option's where it serves that, else the oldest that it serves."""
    setup = _setup(tools=["CPython>=3.12,<3.14"])
    assert "3.11" == package_python(ADDRESS, "cpu", None, "3.11", setup)
    assert "3.12" == package_python(ADDRESS, "tools", None, "3.11", setup)
