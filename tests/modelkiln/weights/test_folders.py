"""Files of a lock that lie in a folder of the artifact."""

import json
from pathlib import Path

import pytest
from loopback.file_servers import file_server

from modelkiln.cli.main import main
from modelkiln.digest import sha256_stream
from modelkiln.layers.recipe import open_layer
from modelkiln.layers.weights import locked_layers
from modelkiln.layers.weights_files import models_folder
from modelkiln.package.lazy_weights import lazy_document
from modelkiln.store.store import Store
from modelkiln.weights.drift import find_drift
from modelkiln.weights.lock import load_weights_lock
from modelkiln.weights.locking import lock_weights
from modelkiln.weights.selection import WeightsSource, find_files

MODEL = bytes(range(256)) * 8192


@pytest.fixture
def weights(tmp_path):
    """A folder with two files."""
    (tmp_path / "weights/onnx").mkdir(parents=True)
    (tmp_path / "weights/config.json").write_text("{}")
    (tmp_path / "weights/onnx/model.bin").write_bytes(MODEL)
    return tmp_path / "weights"


def lock_in_folder(weights, store, **more):
    """Lock the folder's files as those of `encoder`."""
    return lock_weights(WeightsSource(str(weights), Path(), "models/x:w", inside="encoder", **more), store)


def test_files_lie_in_the_folder(weights, tmp_path):
    """Patterns are those of paths at the source; the lock has the folder, and one of no folder does not mention it."""
    store = Store(tmp_path / "store")
    lock = lock_in_folder(weights, store)
    assert ["encoder/config.json", "encoder/onnx/model.bin"] == [file.path for file in lock.files]
    assert "encoder" == lock.source["folder"]
    chosen = lock_in_folder(weights, store, include=("/config.json",))
    assert ["encoder/config.json"] == [file.path for file in chosen.files]
    assert "folder" not in lock_weights(WeightsSource(str(weights), Path(), "models/x:w"), store).source


def test_a_lock_that_is_as_its_source_does_not_differ(weights, tmp_path):
    """Another folder is a difference, as another pattern is."""
    store = Store(tmp_path / "store")
    lock = load_weights_lock(lock_in_folder(weights, store).to_text(), "x.lock.json")
    wanted = WeightsSource(str(weights), Path(), "models/x:w", inside="encoder")
    assert [] == find_drift(find_files(wanted, store), store, lock)
    other = WeightsSource(str(weights), Path(), "models/x:w", inside="decoder")
    assert "folder: is 'decoder', the lock says 'encoder'." in find_drift(find_files(other, store), store, lock)


@pytest.mark.parametrize("place", ["path", "http"])
def test_files_are_fetched_by_their_names_at_the_source(weights, tmp_path, place):
    """To another machine, whose store is empty: the layer is the same."""
    with file_server({"/config.json": b"{}"}) as server:
        uri = str(weights) if place == "path" else f"{server.url}/config.json"
        lock = lock_in_folder(uri, Store(tmp_path / "store"))
        (layer,) = locked_layers(lock, "models/x:w")
        here = Store(tmp_path / "other")
        with open_layer(layer, here) as stream:
            assert layer.descriptor.digest == sha256_stream(stream)[0]
        with models_folder([layer], here) as models:
            assert "{}" == Path(models.path, "encoder/config.json").read_text()


def test_a_package_that_fetches_its_weights_asks_for_the_names_at_the_source(weights, tmp_path):
    """And has the files in the folder."""
    lock = lock_in_folder(f"file://{weights}", Store(tmp_path / "store"))
    document = json.loads(lazy_document(locked_layers(lock, "models/x:w"), "models/x:x"))
    assert {
        "encoder/config.json": f"file://{weights}/config.json",
        "encoder/onnx/model.bin": f"file://{weights}/onnx/model.bin",
    } == {file["path"]: file["places"][0]["url"] for file in document["files"]}


def test_the_step_of_pants_lock_takes_the_folder(weights, tmp_path):
    """It writes the lock."""
    options = [f"--source={weights}", "--inside=encoder", "--where=models/x:w", f"--store={tmp_path / 'store'}"]
    assert 0 == main(["build", "lock-weights", *options, str(tmp_path / "x.lock.json")])
    lock = load_weights_lock((tmp_path / "x.lock.json").read_text(), "x.lock.json")
    assert "encoder/config.json" == lock.files[0].path
