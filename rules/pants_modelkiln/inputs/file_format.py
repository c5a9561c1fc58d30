"""What checks find in a file of a model artifact."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from modelkiln.frozen_json import FrozenJson


class FileFormat(FrozenJson):
    """What a record says of a file's content: "format", "facts" where its header states some of the model, and
    "code" where it holds some besides pickles."""

    @classmethod
    def stated(cls, format: str, facts: Mapping[str, Any] | None, code: Sequence[str] = ()) -> FileFormat:
        """The object for a file of a format, "" or "unknown" for one that is not known."""
        stated = {**({"facts": dict(facts)} if facts else {}), **({"code": list(code)} if code else {})}
        return cls.of({"format": format or "unknown", **stated})
