"""A file by its content: path, sha256 and size."""

import hashlib
from dataclasses import dataclass
from typing import Any, Mapping

__all__ = ["EMPTY_SHA256", "PinnedFile", "may_be_empty"]

EMPTY_SHA256 = hashlib.sha256().hexdigest()


@dataclass(frozen=True)
class PinnedFile:
    """A file's path (relative to where it will lie), sha256 (hex) and size in bytes."""

    path: str
    sha256: str
    size: int

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "PinnedFile":
        """Read what `to_json` gave, whatever else the object says of the file."""
        return cls(value["path"], value["sha256"], value["size"])

    def to_json(self) -> dict[str, Any]:
        """Return the object that records and recipes hold."""
        return {"path": self.path, "sha256": self.sha256, "size": self.size}

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.rpartition("/")[2]

    @property
    def digest(self) -> str:
        """The digest of its blob."""
        return f"sha256:{self.sha256}"


def may_be_empty(path: str) -> bool:
    """Whether an empty file of this name says something: Python code and its markers (`__init__.py`, `py.typed`).

    Any other one in a model artifact is what a failed download or an unfinished training leaves, unless its source
    states that it is meant to be empty (`SourceFile.is_meant_empty`).
    """
    return path.endswith((".py", ".pyi")) or path.rpartition("/")[2] == "py.typed"
