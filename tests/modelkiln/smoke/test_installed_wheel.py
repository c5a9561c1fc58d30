"""Wheels of models, installed with their locked wheels into an environment of their own."""

import subprocess
import sys
from pathlib import Path

import pytest
from samples.wheelhouse import make_wheel, offline_store, pin
from samples.wheels.model_wheels import lay_out, make_model_wheel

from modelkiln.errors import ModelkilnError
from modelkiln.smoke.installed_wheel import install_wheel

PYTHON = Path(sys.executable)


def _install(folder, version, provided=(), **wheel):
    """Install a model that requires numpy>=1 where the lock has a numpy of `version`; returns its console script."""
    data = make_wheel("numpy", version)
    locked = [pin(data, "numpy", version)]
    store = offline_store(folder, [(locked[0], data)])
    path = make_model_wheel(folder, requirements=locked, wheel=wheel)
    record = lay_out(folder / "record", requirements=locked, wheel=wheel)
    record = {**record, **({"provided": provided} if provided else {})}
    return install_wheel(path, record, locked, PYTHON, store)


def test_a_wheel_is_installed_with_the_locked_wheels(tmp_path):
    """Its console script runs in an environment that has them and nothing else."""
    program = _install(tmp_path, "1.5")
    (site,) = program.parents[1].glob("lib/python*/site-packages")
    infos = sorted(path.name for path in site.glob("*.dist-info"))
    assert ["acme_sums-1.2.0.dist-info", "numpy-1.5.dist-info"] == infos
    done = subprocess.run([str(program), "verify"], capture_output=True, text=True, env={}, check=True)
    assert "verified sums 1.2.0: 1 model artifact file" in done.stdout


def test_all_locked_wheels_are_there_where_the_wheel_requires_none(tmp_path):
    """What it is tested with does not depend on what it says."""
    program = _install(tmp_path, "1.5", requires="none", requires_dist=[])
    assert list(program.parents[1].glob("lib/python*/site-packages/numpy-1.5.dist-info"))


def test_what_the_host_provides_need_not_be_in_the_lock(tmp_path):
    """A wheel of the lock may require it; the model's own check says what is missing."""
    assert _install(tmp_path, "1.5", provided=[{"name": "scipy"}], requires_dist=["numpy>=1", "scipy"]).exists()


def test_a_wheel_that_requires_more_than_the_lock_has_fails(tmp_path):
    """pip's own words say what is missing."""
    with pytest.raises(ModelkilnError, match=r"(?s)cannot be installed with the locked wheels: .*scipy"):
        _install(tmp_path, "1.5", requires_dist=["numpy>=1", "scipy"])
