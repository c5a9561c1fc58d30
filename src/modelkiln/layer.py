"""A layer as the rest of the engine sees it: a descriptor, its diff ID and its recipe."""

from dataclasses import dataclass
from typing import Any, Mapping, Optional

from modelkiln.canonical import canonical_json
from modelkiln.descriptor import Descriptor
from modelkiln.digest import check_digest

__all__ = ["MODELS_FOLDER", "VENV", "Layer", "Packed"]

# Where model artifacts lie in an image; layers' digests depend on it. KServe looks there too.
MODELS_FOLDER = "models"
# Where an image has its virtual environment.
VENV = "opt/venv"


@dataclass(frozen=True)
class Packed:
    """A packed layer: the blob's descriptor and the digest of its uncompressed tar (diff ID)."""

    descriptor: Descriptor
    diff_id: str
    unpacked_size: int


@dataclass(frozen=True)
class Layer:
    """What a layer process tells of the layer it made; the bytes are elsewhere.

    kind: "base", "weights", "wheels", "code" or "record". title: for people ("numpy 2.4.6").
    unpacked_size: bytes of the uncompressed tar. recipe: what the blob can be rebuilt from
    (canonical JSON text of an object with "packer" and that packer's pinned inputs), or "" for a
    blob that Pants itself carries.
    """

    kind: str
    title: str
    descriptor: Descriptor
    diff_id: str
    unpacked_size: int
    recipe: str = ""

    @classmethod
    def of(cls, kind: str, title: str, packed: Packed, recipe: Optional[Mapping[str, Any]] = None) -> "Layer":
        """Return the layer that `packed` is."""
        text = canonical_json(recipe).decode() if recipe else ""
        return cls(kind, title, packed.descriptor, packed.diff_id, packed.unpacked_size, text)

    @classmethod
    def of_plain(cls, kind: str, title: str, descriptor: Descriptor, recipe: Mapping[str, Any]) -> "Layer":
        """Return the layer of an uncompressed tar, whose digest is its diff ID."""
        text = canonical_json(recipe).decode()
        return cls(kind, title, descriptor, descriptor.digest, descriptor.size, text)

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
            value["recipe"],
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that holds all fields."""
        return {
            "kind": self.kind,
            "title": self.title,
            "descriptor": self.descriptor.to_json(),
            "diff_id": self.diff_id,
            "unpacked_size": self.unpacked_size,
            "recipe": self.recipe,
        }
