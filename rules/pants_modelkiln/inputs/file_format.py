"""What checks find in a file of a model artifact."""

from __future__ import annotations

from typing import Any, Mapping

from modelkiln.frozen_json import FrozenJson


class FileFormat(FrozenJson):
    """What a record says of a file's content: "format", and "facts" where its header states some of the model."""

    @classmethod
    def stated(cls, format: str, facts: Mapping[str, Any] | None) -> FileFormat:
        """The object for a file of a format, "" or "unknown" for one that is not known."""
        return cls.of({"format": format or "unknown", **({"facts": dict(facts)} if facts else {})})
