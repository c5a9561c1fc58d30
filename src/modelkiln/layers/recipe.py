"""Recipes: what a blob is made from, and how to make it again.

A recipe is a JSON object with "packer" and that packer's inputs, all pinned by hash. It is the
whole input of a layer process, so equal layers of different packages are one process and one
blob; and it travels with the layer, so that a blob that went missing can be made again.
"""

import importlib
import json
from pathlib import Path
from typing import Any, BinaryIO, Mapping, Optional

from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer
from modelkiln.layers.engine_key import packing_key
from modelkiln.store.memo import Memo
from modelkiln.store.store import Store

__all__ = ["PACKERS", "build", "ensure", "has_blob", "is_at_hand", "open_layer"]

# The number after the slash rises whenever a packer gives other bytes for the same inputs.
PACKERS = {
    "debian/3": "modelkiln.layers.debian",
    "files/1": "modelkiln.layers.files",
    "registry/1": "modelkiln.layers.registry",
    "weights/1": "modelkiln.layers.weights",
    "wheels/3": "modelkiln.layers.wheels",
}

# Packers whose layers take long, and depend on nothing but the recipe, the engine, and these libraries.
_REMEMBERED = {"debian": ("zstandard",), "wheels": ("installer", "packaging", "zstandard")}


def build(recipe: Mapping[str, Any], store: Store, sources: Optional[Path] = None) -> Layer:
    """Make the layer of `recipe` in `store`, fetching what it needs.

    `sources` is a folder with the files of a "files" recipe, or some of a "weights" recipe's. A layer that
    this engine has made before, and that is still whole in the store, is not made again. Raises ModelkilnError
    for an unknown packer and whatever that packer refuses.
    """
    packer = recipe.get("packer")
    if packer not in PACKERS:
        raise ModelkilnError(
            f"recipe: unknown packer {packer!r}; this engine knows {', '.join(PACKERS)}. "
            "The package was made by a newer Modelkiln: upgrade."
        )
    module = importlib.import_module(PACKERS[packer])
    if packer.startswith(("files/", "weights/")):
        return module.build(recipe, store, sources)
    libraries = _REMEMBERED.get(packer.partition("/")[0])
    if libraries is None:
        return module.build(recipe, store)
    memo, question = Memo(store, "layers"), {"recipe": recipe, "packing": packing_key(libraries)}
    layer = _layer_of(memo.recall(question))
    if layer is None or not store.verify(layer.descriptor.digest):
        layer = module.build(recipe, store)
        memo.remember(question, layer.to_json())
    return layer


def _layer_of(answer: Optional[Mapping[str, Any]]) -> Optional[Layer]:
    try:
        return None if answer is None else Layer.from_json(answer)
    except (KeyError, TypeError, AttributeError, ModelkilnError):
        return None


def is_at_hand(layer: Layer, store: Store) -> bool:
    """Whether `open_layer` needs nothing that `store` does not have."""
    files = _files_of(layer)
    if files is not None:
        from modelkiln.layers import weights

        found = weights.stored(json.loads(layer.recipe), store)
        return all(file["sha256"] in found for file in files)
    return store.has(layer.descriptor.digest, layer.descriptor.size)


def open_layer(layer: Layer, store: Store, sources: Optional[Path] = None) -> BinaryIO:
    """Open the layer's blob, made again from its recipe when it is missing.

    The stream can seek. A layer of weights is a tar around files of the store and no blob of its
    own. Contents are not checked: the caller knows the digest.
    """
    if _files_of(layer) is not None:
        from modelkiln.layers import weights

        return weights.open_layer(json.loads(layer.recipe), store)
    return ensure(layer, store, sources).open("rb")


def has_blob(layer: Layer) -> bool:
    """Whether the layer's bytes are a blob of the store once it is made; else a tar around its files."""
    return _files_of(layer) is None


def _files_of(layer: Layer) -> Optional[list]:
    """The files of a layer that is made while it is read, else None."""
    recipe = json.loads(layer.recipe) if layer.recipe else {}
    return recipe["files"] if recipe.get("packer", "").startswith("weights/") else None


def ensure(layer: Layer, store: Store, sources: Optional[Path] = None) -> Path:
    """Return the path of the layer's blob in `store`, made again from its recipe when missing.

    Not for layers of weights, which have none: see `open_layer`.
    """
    descriptor = layer.descriptor
    if store.has(descriptor.digest, descriptor.size):
        return store.path(descriptor.digest)
    if not layer.recipe:
        raise ModelkilnError(
            f"{layer.title}: blob {descriptor.digest} is missing and has no recipe. "
            "Package the target again (`pants package`)."
        )
    made = build(json.loads(layer.recipe), store, sources)
    if made.descriptor != descriptor:
        raise ModelkilnError(
            f"{layer.title}: its recipe gave {made.descriptor.digest}, want {descriptor.digest}. "
            "The packers or compressors differ from those that built it: use the same Modelkiln."
        )
    return store.path(descriptor.digest)
