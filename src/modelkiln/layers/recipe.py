"""Recipes: what a blob is made from, and how to make it again.

A recipe (`modelkiln.recipe`) is the whole input of a layer process, so equal layers of different
packages are one process and one blob; and it travels with the layer, so that a blob that went
missing can be made again.
"""

import importlib
from pathlib import Path
from typing import Any, BinaryIO, Mapping, Optional

from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer
from modelkiln.layers.engine_fingerprint import engine_fingerprint
from modelkiln.recipe import DEBIAN, FILES, PORTABLE_PYTHON, REGISTRY, WEIGHTS, WEIGHTS_FILE, WHEELS, Recipe
from modelkiln.store.result_cache import ResultCache
from modelkiln.store.store import Store

__all__ = ["PACKERS", "build", "ensure", "is_available_locally", "open_layer"]

PACKERS = {
    DEBIAN: "modelkiln.layers.debian",
    FILES: "modelkiln.layers.files",
    PORTABLE_PYTHON: "modelkiln.layers.portable_python",
    REGISTRY: "modelkiln.layers.registry",
    WEIGHTS: "modelkiln.layers.weights",
    WEIGHTS_FILE: "modelkiln.layers.weights",
    WHEELS: "modelkiln.layers.wheels",
}

# Packers whose layers take long, and depend on nothing but the recipe, the engine, and these libraries.
_REMEMBERED = {DEBIAN: ("zstandard",), PORTABLE_PYTHON: ("zstandard",), WHEELS: ("installer", "packaging", "zstandard")}


def build(recipe: Recipe, store: Store, sources: Optional[Path] = None) -> Layer:
    """Make the layer of `recipe` in `store`, fetching what it needs.

    `sources` is a folder with the files of a "files" recipe, or some of a "weights" recipe's. A layer that
    this engine has made before, and that is still whole in the store, is not made again. Raises ModelkilnError
    for an unknown packer and whatever that packer refuses.
    """
    packer = recipe.packer
    if packer not in PACKERS:
        raise ModelkilnError(
            f"recipe: unknown packer {packer!r}; this engine knows {', '.join(PACKERS)}. "
            "The package was made by a newer Modelkiln: upgrade."
        )
    module = importlib.import_module(PACKERS[packer])
    if packer in (FILES, WEIGHTS, WEIGHTS_FILE):
        return module.build(recipe, store, sources)
    libraries = _REMEMBERED.get(packer)
    if libraries is None:
        return module.build(recipe, store)
    if recipe.get("compression") == "gzip":
        libraries += ("zlib_ng",)
    cache = ResultCache(store, "layers")
    question = {"recipe": recipe.to_json(), "packing": engine_fingerprint(libraries)}
    layer = _layer_of(cache.get(question))
    if layer is None or not store.holds(layer.descriptor.digest):
        layer = module.build(recipe, store)
        cache.put(question, layer.to_json())
    return layer


def _layer_of(answer: Optional[Mapping[str, Any]]) -> Optional[Layer]:
    try:
        return None if answer is None else Layer.from_json(answer)
    except (KeyError, TypeError, AttributeError, ModelkilnError):
        return None


def is_available_locally(layer: Layer, store: Store) -> bool:
    """Whether `open_layer` needs nothing that `store` does not have."""
    if layer.recipe and layer.is_virtual:
        from modelkiln.layers import weights

        found = weights.stored(layer.recipe, store)
        return all(file["sha256"] in found for file in layer.recipe["files"])
    return store.has(layer.descriptor.digest, layer.descriptor.size)


def open_layer(layer: Layer, store: Store, sources: Optional[Path] = None) -> BinaryIO:
    """Open the layer's blob, made again from its recipe when it is missing.

    The stream can seek. A layer of weights is a tar around files of the store and no blob of its
    own. Contents are not checked: the caller knows the digest.
    """
    if layer.recipe and layer.is_virtual:
        from modelkiln.layers import weights

        return weights.open_layer(layer.recipe, store)
    return ensure(layer, store, sources).open("rb")


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
    made = build(layer.recipe, store, sources)
    if made.descriptor != descriptor:
        raise ModelkilnError(
            f"{layer.title}: its recipe gave {made.descriptor.digest}, want {descriptor.digest}. "
            "The packers or compressors differ from those that built it: use the same Modelkiln."
        )
    return store.path(descriptor.digest)
