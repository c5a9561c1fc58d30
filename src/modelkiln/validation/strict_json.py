"""JSON documents of images, as the container engines read them; what they may read otherwise is refused."""

import json
from typing import Any

__all__ = ["parse"]

# Fields of manifests, indexes and configs (image-spec 1.1) that decide what runs.
_FIELDS = frozenset(
    {
        "annotations", "architecture", "artifactType", "config", "data", "diff_ids", "digest", "history", "layers",
        "manifests", "mediaType", "os", "platform", "rootfs", "schemaVersion", "size", "subject", "urls", "variant",
        "ArgsEscaped", "Cmd", "Entrypoint", "Env", "Healthcheck", "Labels", "OnBuild", "Shell", "User", "Volumes",
        "WorkingDir",
    }
)  # fmt: skip
_FOLDED = {name.casefold(): name for name in _FIELDS}


def parse(data: bytes) -> Any:
    """Return a JSON value; raises ValueError or RecursionError for what not every reader takes alike."""
    return json.loads(data.decode("utf-8"), object_pairs_hook=_without_duplicates, parse_constant=_refused)


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is not a number that JSON has")


def _without_duplicates(pairs: list) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError(f"a key is given twice among {', '.join(sorted(key for key, _ in pairs))}")
    for key in value:
        if key not in _FIELDS and key.casefold() in _FOLDED:
            # encoding/json of Go, and so every container engine, takes it for that field.
            raise ValueError(f"the key {key!r} is {_FOLDED[key.casefold()]!r} in other letters")
    return value
