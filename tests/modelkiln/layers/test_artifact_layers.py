"""Layers of files in the repository, which are those of the same files under a lock."""

import tempfile
from pathlib import Path
from unittest import mock

from hypothesis import strategies as st
from properties import given, settings

from modelkiln.digest import sha256_bytes
from modelkiln.layers.artifact import artifact_recipes
from modelkiln.layers.recipe import build
from modelkiln.pinned_file import PinnedFile
from modelkiln.store.store import Store
from modelkiln.weights import grouping
from modelkiln.weights.locking import lock_weights
from modelkiln.weights.selection import WeightsSource

KIB = 1 << 10
PATHS = st.text("ab[*", min_size=1, max_size=4).map(lambda name: f"w/{name}") | st.text("ab", min_size=1, max_size=4)
FILES = st.dictionaries(PATHS, st.integers(1, 200 * KIB), min_size=1, max_size=12)
_MOST_LAYERS = 5


def small_packing():
    """Limits of layers that are a thousandth of the real ones."""
    limits = {name: getattr(grouping, name) >> 10 for name in ("ALONE_BYTES", "_GROUP_BYTES", "_MOST_BYTES")}
    return mock.patch.multiple(grouping, **limits, _MOST_LAYERS=_MOST_LAYERS)


@settings(max_examples=60)
@given(FILES, st.data())
def test_files_make_the_layers_of_their_lock(sizes, data):
    """Whichever of them are pointers that are too large for Pants, layers are cut as a lock's, with its digests."""
    stored = data.draw(st.sets(st.sampled_from(sorted(sizes))))
    contents = {path: (path.encode() * size)[:size] for path, size in sizes.items()}
    files = [PinnedFile(path, sha256_bytes(content)[7:], len(content)) for path, content in contents.items()]
    with tempfile.TemporaryDirectory() as name, small_packing():
        folder, store = Path(name, "source"), Store(Path(name, "store"))
        for path, content in contents.items():
            if path in stored:
                store.add_bytes(content)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        lock = lock_weights(WeightsSource("source", Path(name), "x:w"), Store(Path(name, "other")))
        for path in stored:
            (folder / path).unlink()
        layers = [build(recipe, store, folder) for recipe in artifact_recipes("x:w", "models/x", files, stored)]
    assert [(one.digest, one.size) for one in lock.layers] == [
        (layer.descriptor.digest, layer.descriptor.size) for layer in layers
    ]
    assert len(layers) <= _MOST_LAYERS
    assert len({layer.title for layer in layers}) == len(layers)


def test_a_pointer_shares_its_layer_with_small_files():
    """A layer with one file of the store is made from the store, and all others from what Pants has."""
    files = [PinnedFile(path, path * 64, 9) for path in "abc"]
    (mixed,) = artifact_recipes("x:w", "models/x", files, {"b"})
    assert ("weights/1", "lfs:models/x", "x:w") == (mixed["packer"], mixed["source"]["uri"], mixed["title"])
    assert list("abc") == [file["path"] for file in mixed["files"]]
    (plain,) = artifact_recipes("x:w", "models/x", files, ())
    assert ("files/1", list("abc")) == (plain["packer"], [file["path"] for file in plain["files"]])
