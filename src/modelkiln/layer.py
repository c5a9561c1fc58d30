"""A layer as the rest of the engine sees it: a descriptor, its diff ID and its recipe."""

from dataclasses import dataclass
from typing import Any, Mapping, Optional

from modelkiln.descriptor import Descriptor
from modelkiln.digest import check_digest
from modelkiln.recipe import WEIGHTS, WEIGHTS_FILE, Recipe

__all__ = ["Layer", "Packed"]


@dataclass(frozen=True)
class Packed:
    """A packed layer: the blob's descriptor and the digest of its uncompressed tar (diff ID)."""

    descriptor: Descriptor
    diff_id: str
    unpacked_size: int


@dataclass(frozen=True)
class Layer:
    """What a layer process records of the layer it made; the bytes are elsewhere.

    kind: "base", "weights", "wheels", "code" or "record". title: for people ("numpy 2.4.6").
    unpacked_size: bytes of the uncompressed tar. recipe: what the blob can be rebuilt from, or None
    for a blob that Pants itself carries.
    """

    kind: str
    title: str
    descriptor: Descriptor
    diff_id: str
    unpacked_size: int
    recipe: Optional[Recipe] = None

    @classmethod
    def of(cls, kind: str, title: str, packed: Packed, recipe: Optional[Recipe] = None) -> "Layer":
        """Return the layer that `packed` is."""
        return cls(kind, title, packed.descriptor, packed.diff_id, packed.unpacked_size, recipe)

    @classmethod
    def of_plain(cls, kind: str, title: str, descriptor: Descriptor, recipe: Recipe) -> "Layer":
        """Return the layer of an uncompressed tar, whose digest is its diff ID."""
        return cls(kind, title, descriptor, descriptor.digest, descriptor.size, recipe)

    @property
    def is_virtual(self) -> bool:
        """Whether the layer is made of files as they lie in the store, where it need not be a blob: weights are."""
        return self.recipe is not None and self.recipe.packer in (WEIGHTS, WEIGHTS_FILE)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Layer":
        """Read what `to_json` gave; raises ModelkilnError on a bad descriptor or diff ID."""
        where = f"layer {value.get('title')!r}"
        return cls(
            value["kind"],
            value["title"],
            Descriptor.from_json(value["descriptor"], where),
            check_digest(value["diff_id"], where),
            value["unpacked_size"],
            Recipe(value["recipe"]) if value["recipe"] else None,
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that holds all fields."""
        return {
            "kind": self.kind,
            "title": self.title,
            "descriptor": self.descriptor.to_json(),
            "diff_id": self.diff_id,
            "unpacked_size": self.unpacked_size,
            # As text: records keep it so, and a recipe is compared by it.
            "recipe": self.recipe.text if self.recipe else "",
        }
