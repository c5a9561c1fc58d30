"""What a layer's blob can be rebuilt from, and the names of those who can."""

from typing import Any, Mapping

from modelkiln.frozen_json import FrozenJson

__all__ = ["DEBIAN", "FILES", "PORTABLE_PYTHON", "REGISTRY", "WEIGHTS", "WEIGHTS_FILE", "WHEELS", "Recipe"]

# The number after the slash rises whenever a packer gives other bytes for the same inputs.
DEBIAN = "debian/3"
FILES = "files/1"
PORTABLE_PYTHON = "portable-python/1"
REGISTRY = "registry/1"
WEIGHTS = "weights/1"
WEIGHTS_FILE = "weights-file/1"
WHEELS = "wheels/3"


class Recipe(FrozenJson):
    """The whole input of a layer: a packer's name and that packer's inputs, all pinned by hash.

    What the inputs are is said where each packer's `recipe` makes one (see `layers`).
    """

    @classmethod
    def made_by(cls, packer: str, inputs: Mapping[str, Any]) -> "Recipe":
        """Return the recipe of a packer with its inputs."""
        return cls.of({"packer": packer, **inputs})

    @property
    def packer(self) -> str:
        """The packer's name and version; "" where a damaged record has none."""
        return str(self.get("packer", ""))
