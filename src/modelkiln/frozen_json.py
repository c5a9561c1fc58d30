"""JSON objects as values: frozen, hashable, and parsed once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Iterator, Type, TypeVar

from modelkiln.canonical import canonical_json

__all__ = ["FrozenJson"]

_Self = TypeVar("_Self", bound="FrozenJson")


@dataclass(frozen=True, repr=False)
class FrozenJson(Mapping):  # type: ignore[type-arg]
    """A JSON object that is equal to another of its class, and hashed, by its canonical text.

    It reads as a mapping; what it holds is not to be changed. Subclasses say what the object is.
    """

    text: str

    @classmethod
    def of(cls: Type[_Self], value: "Mapping[str, Any]") -> _Self:
        """Return `value`, an object that JSON can hold, as it is now."""
        return cls(canonical_json(dict(value)).decode())

    @cached_property
    def _content(self) -> dict[str, Any]:
        return json.loads(self.text)

    def __getitem__(self, key: str) -> Any:
        return self._content[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text})"

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that holds the same."""
        return dict(self._content)

    def to_bytes(self) -> bytes:
        """Return the canonical JSON."""
        return self.text.encode()
