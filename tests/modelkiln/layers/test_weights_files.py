"""Files of weights layers where they are needed as files: in roots, PEX files and validations."""

import os

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer
from modelkiln.layers.weights import locked_layers
from modelkiln.layers.weights_files import stored_files
from modelkiln.smoke.rootfs import RootLayer, unpack
from modelkiln.store.store import Store
from modelkiln.weights.locking import lock_weights
from modelkiln.weights.selection import WeightsSource


@pytest.fixture
def locked(tmp_path):
    """A store and the layers of a locked artifact: one large file, two small ones."""
    (tmp_path / "w" / "sub").mkdir(parents=True)
    (tmp_path / "w" / "big.bin").write_bytes(os.urandom(65 << 20))
    (tmp_path / "w" / "sub" / "a").write_bytes(b"a")
    (tmp_path / "w" / "b").write_bytes(b"b")
    store = Store(tmp_path / "store")
    lock = lock_weights(WeightsSource("w", tmp_path, "x:w"), store)
    return store, locked_layers(lock, "x:w")


def root_layer(layer, store):
    def opened():
        raise AssertionError("its tar was read")

    return RootLayer(layer.descriptor, layer.diff_id, opened, lambda: stored_files(layer, store))


def test_a_root_gets_links_and_no_copies(locked, tmp_path):
    """Unpacking takes the store's own files and does not read them."""
    store, layers = locked
    root = tmp_path / "root"
    root.mkdir()
    unpack([root_layer(layer, store) for layer in layers], root)
    assert os.path.samefile(root / "models/big.bin", stored_files(layers[1], store)["models/big.bin"].blob)
    assert (b"a", b"b") == ((root / "models/sub/a").read_bytes(), (root / "models/b").read_bytes())
    assert 0o444 == (root / "models/b").stat().st_mode & 0o777


def test_files_that_make_another_layer_are_refused(locked):
    """A layer that no lock of this machine has made is read once; an edited one is found then."""
    store, layers = locked
    (store.root / "seen.sqlite").unlink()
    assert {"models/b", "models/sub/a"} == set(stored_files(layers[0], store))
    other = Layer.of_plain("weights", "x:w", layers[1].descriptor, layers[0].recipe)
    with pytest.raises(ModelkilnError, match="x:w: its files make a layer with digest and size"):
        stored_files(other, store)
