"""An edit of a file as a value."""

from dataclasses import dataclass
from typing import Any, Mapping

__all__ = ["Edit"]


@dataclass(frozen=True, order=True)
class Edit:
    """path: of the file, as the user knows it. start, end: which characters of its text, without a mark of byte order,
    are replaced, from 0."""

    path: str
    start: int
    end: int
    replacement: str

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that holds all fields."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Edit":
        """Read what `to_json` returned."""
        return cls(**value)
