"""Memory that two processes share, on Pythons and systems that lack some ways to it."""

import ctypes
import os

import numpy
import pytest

from modelkiln.runtime.ensemble.shared_arrays import SharedArrays


@pytest.fixture(params=["as it is", "Python lacks it", "the C library lacks it"])
def machine(request, monkeypatch):
    """What has memfd_create(2)."""
    if request.param != "as it is":
        monkeypatch.delattr(os, "memfd_create")
    if request.param == "the C library lacks it":
        monkeypatch.setattr(ctypes, "CDLL", lambda name: object())


def test_arrays_come_out_of_memory_as_they_went_in(machine, tmp_path, monkeypatch):
    """It grows, another file descriptor of it sees the same, and no file is left."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ours = SharedArrays()
    for size in (3, 1 << 20):
        arrays = {"x": numpy.arange(size, dtype="int32"), "y": numpy.float64([[0.5]])}
        layout = ours.write(arrays)
        found = SharedArrays(os.dup(ours.fd)).read(layout)
        assert {name: array.tolist() for name, array in arrays.items()} == {
            name: array.tolist() for name, array in found.items()
        }
    assert [] == list(tmp_path.iterdir())
