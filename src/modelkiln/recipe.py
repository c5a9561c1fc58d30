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
from modelkiln.store import Store

__all__ = ["PACKERS", "build", "ensure", "is_at_hand", "open_layer"]

# The number after the slash rises whenever a packer gives other bytes for the same inputs.
PACKERS = {
    "debian/1": "modelkiln.layers.debian",
    "files/1": "modelkiln.layers.files",
    "registry/1": "modelkiln.sources.registry",
    "weights/1": "modelkiln.layers.weights",
    "wheels/2": "modelkiln.layers.wheels",
}


def build(recipe: Mapping[str, Any], store: Store, sources: Optional[Path] = None) -> Layer:
    """Make the layer of `recipe` in `store`, fetching what it needs.

    `sources` is a folder with the files of a "files" recipe. Raises ModelkilnError for an unknown
    packer and whatever that packer refuses.
    """
    packer = recipe.get("packer")
    if packer not in PACKERS:
        raise ModelkilnError(
            f"recipe: unknown packer {packer!r}; this engine knows {', '.join(PACKERS)}. "
            "The package was made by a newer Modelkiln: upgrade."
        )
    module = importlib.import_module(PACKERS[packer])
    if packer.startswith("files/"):
        return module.build(recipe, store, sources)
    return module.build(recipe, store)


def is_at_hand(layer: Layer, store: Store) -> bool:
    """Whether `open_layer` needs nothing that `store` does not have."""
    files = _files_of(layer)
    if files is not None:
        return all(store.has(f"sha256:{file['sha256']}", file["size"]) for file in files)
    return store.has(layer.descriptor.digest, layer.descriptor.size)


def open_layer(layer: Layer, store: Store, sources: Optional[Path] = None) -> BinaryIO:
    """Open the layer's blob, made again from its recipe when it is missing.

    The stream can seek. A layer of weights is a tar around files of the store and no blob of its
    own. Contents are not checked: whoever reads them knows the digest.
    """
    if _files_of(layer) is not None:
        from modelkiln.layers import weights

        return weights.open_layer(json.loads(layer.recipe), store)
    return ensure(layer, store, sources).open("rb")


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
