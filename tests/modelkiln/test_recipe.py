"""Recipes: blobs that can be made again."""

import hashlib
from dataclasses import replace

import pytest

from modelkiln.canonical import canonical_json
from modelkiln.errors import ModelkilnError
from modelkiln.layers import files
from modelkiln.recipe import build, ensure
from modelkiln.store import Store


def files_recipe(folder, content=b"weights"):
    """Write one file below `folder` and return the recipe of a layer that holds it."""
    (folder / "w.bin").write_bytes(content)
    pinned = {"path": "w.bin", "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    return files.recipe("weights", "m:w", "models", "none", [pinned])


def test_a_missing_blob_is_made_again(tmp_path):
    """A layer whose blob left the store comes back with the same digest."""
    store = Store(tmp_path / "store")
    layer = build(files_recipe(tmp_path), store, tmp_path)
    store.path(layer.descriptor.digest).unlink()
    assert store.verify(layer.descriptor.digest) is False
    ensure(layer, store, tmp_path)
    assert store.verify(layer.descriptor.digest)


def test_a_truncated_blob_is_made_again(tmp_path):
    """A damaged blob is set aside and replaced."""
    store = Store(tmp_path / "store")
    layer = build(files_recipe(tmp_path), store, tmp_path)
    store.path(layer.descriptor.digest).chmod(0o644)
    store.path(layer.descriptor.digest).write_bytes(b"")
    ensure(layer, store, tmp_path)
    assert store.verify(layer.descriptor.digest)


def test_changed_sources_are_refused(tmp_path):
    """Files other than those the recipe pins do not become its layer."""
    recipe = files_recipe(tmp_path)
    (tmp_path / "w.bin").write_bytes(b"changed")
    with pytest.raises(ModelkilnError, match="w.bin"):
        build(recipe, Store(tmp_path / "store"), tmp_path)


def test_a_recipe_that_gives_another_digest_is_refused(tmp_path):
    """What is rebuilt must be what was pinned."""
    store = Store(tmp_path / "store")
    layer = build(files_recipe(tmp_path), store, tmp_path)
    (tmp_path / "other").mkdir()
    other = files_recipe(tmp_path / "other", b"other")
    store.path(layer.descriptor.digest).unlink()
    with pytest.raises(ModelkilnError, match="want " + layer.descriptor.digest):
        ensure(replace(layer, recipe=canonical_json(other).decode()), store, tmp_path / "other")


def test_an_unknown_packer_is_refused(tmp_path):
    """The error names the packer and says to upgrade."""
    with pytest.raises(ModelkilnError, match="'wheels/99'.*upgrade"):
        build({"packer": "wheels/99"}, Store(tmp_path))
