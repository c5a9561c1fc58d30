"""Weights that are mounted next to the package are used when they are those of the record."""

import json
import os

import pytest

REQUEST = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}


@pytest.fixture
def package(make_package, tmp_path):
    """A package whose weights are not in it, and a folder with them at `package.mounted`."""
    package = make_package(weights="sidecar")
    package.mounted = tmp_path / "mounted"
    (package.root / ".modelkiln" / "models").rename(package.mounted)
    return package


def _predict(package, tmp_path, check=0):
    settings = {"MODELKILN_MODELS": str(package.mounted), "MODELKILN_STORE": str(tmp_path / "store")}
    return package.run("predict", request=REQUEST, check=check, **settings)


def test_mounted_weights_are_used(package, tmp_path):
    """The files are found where MODELKILN_MODELS says."""
    assert [6.0] == json.loads(_predict(package, tmp_path).stdout)["outputs"][0]["data"]


def test_missing_mount_is_refused(package):
    """Without the mount the error says what to mount, and the script is not started."""
    result = package.run("predict", request=REQUEST, check=1, MODELKILN_STORE="/nonexistent")
    assert b"weight.txt is missing. Mount the weights" in result.stderr


@pytest.mark.parametrize("data", [b"3", b"22"])
def test_other_weights_are_refused(package, tmp_path, data):
    """Neither another size nor other bytes of the same size reach the inference script."""
    (package.mounted / "weight.txt").write_bytes(data)
    result = _predict(package, tmp_path, check=1)
    assert b"sums: its weights are not here: " in result.stderr
    assert (b"sha256" if data == b"3" else b"2 bytes, want 1") in result.stderr


def test_weights_that_change_are_hashed_again(package, tmp_path):
    """What was verified once is not trusted after a change, also one that keeps size and mtime."""
    _predict(package, tmp_path)
    path = package.mounted / "weight.txt"
    before = path.stat()
    path.write_bytes(b"3")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    _predict(package, tmp_path, check=1)


def test_second_start_hashes_nothing(package, tmp_path):
    """An unchanged mount is not read again before the script reads it."""
    _predict(package, tmp_path)
    notes = list((tmp_path / "store" / "mounted").iterdir())
    assert 1 == len(notes)
    changed = notes[0].stat().st_mtime_ns
    _predict(package, tmp_path)
    assert changed == notes[0].stat().st_mtime_ns


def test_host_that_cannot_be_written(package, tmp_path):
    """Without a place for notes the files are hashed at every start."""
    (tmp_path / "store").write_text("a file")
    _predict(package, tmp_path)
    (package.mounted / "weight.txt").write_bytes(b"3")
    _predict(package, tmp_path, check=1)


def test_verify_reads_the_mount(package):
    """`verify` checks the mounted files too."""
    assert b"1 model artifact file," in package.run("verify", check=0, MODELKILN_MODELS=str(package.mounted)).stdout
    (package.mounted / "weight.txt").write_bytes(b"3")
    assert b"weight.txt" in package.run("verify", check=1, MODELKILN_MODELS=str(package.mounted)).stderr
