"""External data of ONNX models where packages are tested and run: loaded as in a deployment, and not copied."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from samples.onnx_models import LOADER, external_model

from modelkiln.layers import weights_files
from modelkiln.layers.weights import locked_layers
from modelkiln.layers.weights_files import models_folder, stored_files
from modelkiln.machine.sandbox import can_run, with_mounts, without_network
from modelkiln.runtime.weights import view
from modelkiln.runtime.weights.store import WeightsStore
from modelkiln.runtime.weights.view import is_held
from modelkiln.smoke.rootfs import RootLayer, unpack
from modelkiln.store import files
from modelkiln.store.store import Store
from modelkiln.weights.locking import lock_weights
from modelkiln.weights.selection import WeightsSource

# Large enough to be a blob of its own.
COLUMNS = 1 << 20


@pytest.fixture
def locked(tmp_path, monkeypatch):
    """A store with a locked model, on a disk that shares no blocks between files."""
    for module in (files, view):
        monkeypatch.setattr(module, "share_blocks", lambda source, target: False)
    (tmp_path / "w").mkdir()
    external_model(tmp_path / "w", columns=COLUMNS)
    store = Store(tmp_path / "store")
    lock = lock_weights(WeightsSource("w", tmp_path, "x:w"), store)
    data = next(file for file in lock.files if file.path == "model.onnx_data")
    return SimpleNamespace(
        store=store, lock=lock, layers=locked_layers(lock, "x:w"), blob=store.path(f"sha256:{data.sha256}")
    )


def load(argv):
    """What the real loaders make of a model, with files mounted as `argv` says."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    return float(done.stdout)


def loader(path):
    """The command that loads a model."""
    return [sys.executable, "-c", LOADER, str(path)]


@pytest.mark.skipif(can_run() is not None, reason="mounts with bubblewrap")
@pytest.mark.parametrize("command", [with_mounts, without_network])
def test_a_folder_of_models_is_loaded_without_a_copy(locked, command):
    """Sidecars and `run`: the blob itself is seen in the model's folder."""
    with models_folder(locked.layers, locked.store) as models:
        assert {"model.onnx_data": locked.blob} == dict(models.mounts)
        assert 0 == (models.path / "model.onnx_data").stat().st_size
        mounts = {models.path / path: file for path, file in models.mounts.items()}
        assert 4.0 * COLUMNS == load(command(loader(models.path / "model.onnx"), mounts))
    assert 1 == locked.blob.stat().st_nlink


@pytest.mark.skipif(can_run() is not None, reason="mounts with bubblewrap")
def test_a_store_behind_a_link_is_loaded(locked, tmp_path):
    """As Pants' caches are in a sandbox."""
    (tmp_path / "linked").symlink_to(locked.store.root)
    with models_folder(locked.layers, Store(tmp_path / "linked")) as models:
        mounts = {models.path / path: file for path, file in models.mounts.items()}
        assert 4.0 * COLUMNS == load(with_mounts(loader(models.path / "model.onnx"), mounts))


def test_where_nothing_can_be_mounted_the_data_are_copied(locked, monkeypatch):
    """A machine without bubblewrap."""
    monkeypatch.setattr(weights_files, "can_run", lambda: "no bwrap")
    with models_folder(locked.layers, locked.store) as models:
        assert {} == dict(models.mounts)
        assert 4.0 * COLUMNS == load(loader(models.path / "model.onnx"))


def test_data_that_are_not_in_the_store_are_loaded(locked, tmp_path):
    """Files of the repository, which Pants may have given as links to its own."""
    (tmp_path / "linked").mkdir()
    for name in ("model.onnx", "model.onnx_data"):
        os.link(tmp_path / "w" / name, tmp_path / "linked" / name)
    with models_folder((), locked.store, tmp_path / "linked") as models:
        mounts = {models.path / path: file for path, file in models.mounts.items()}
        assert 4.0 * COLUMNS == load(with_mounts(loader(models.path / "model.onnx"), mounts))


@pytest.mark.skipif(can_run() is not None, reason="mounts with bubblewrap")
@pytest.mark.parametrize("can_mount", [True, False])
def test_an_unpacked_image_is_loaded(locked, tmp_path, can_mount):
    """The data lie in a layer of their own, and the model in another one."""
    root = tmp_path / "root"
    root.mkdir()

    def layer_of(layer):
        return RootLayer(layer.descriptor, layer.diff_id, None, lambda: stored_files(layer, locked.store))

    mounts = unpack([layer_of(layer) for layer in locked.layers], root, can_mount)
    assert ({"/models/model.onnx_data": locked.blob} if can_mount else {}) == mounts
    seen = {root / path[1:]: file for path, file in mounts.items()}
    assert 4.0 * COLUMNS == load(with_mounts(loader(root / "models/model.onnx"), seen))


@pytest.mark.skipif(can_run() is not None, reason="mounts with bubblewrap")
def test_data_that_a_view_holds_are_used_by_others(locked):
    """Lazy and mounted weights of one store at the same time: neither keeps the other from loading."""
    held = WeightsStore(locked.store.root).fill_view(locked.lock.set_digest, locked.lock.files) / "model.onnx_data"
    assert os.path.samefile(held, locked.blob)
    with models_folder(locked.layers, locked.store) as models:
        mounts = {models.path / path: file for path, file in models.mounts.items()}
        assert {models.path / "model.onnx_data": held} == mounts
        assert 4.0 * COLUMNS == load(with_mounts(loader(models.path / "model.onnx"), mounts))
        assert 4.0 * COLUMNS == load(loader(held.parent / "model.onnx"))
    assert is_held(held)
