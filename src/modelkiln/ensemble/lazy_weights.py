"""What an ensemble carries in place of its members' weights, where these are fetched when it starts."""

import json
from typing import Any, Iterable

from modelkiln.canonical import canonical_json
from modelkiln.weights.lock import set_digest

__all__ = ["merge_documents"]


def merge_documents(documents: Iterable[bytes]) -> bytes:
    """Return the document of all members' files, see `modelkiln.package.lazy_weights`.

    A file that one member needs when it starts is fetched then. All mirrors are asked for all files.
    """
    files: dict[str, dict[str, Any]] = {}
    mirrors: dict[str, None] = {}
    for one in map(json.loads, documents):
        mirrors.update(dict.fromkeys(one["mirrors"]))
        for file in one["files"]:
            known = files.setdefault(file["path"], file)
            if known.get("on_demand") and not file.get("on_demand"):
                files[file["path"]] = file
    return canonical_json(
        {
            "schema": one["schema"],
            "set_digest": set_digest((file["sha256"], file["path"]) for file in files.values()),
            "mirrors": list(mirrors),
            "files": [file for _, file in sorted(files.items())],
        }
    )
