"""What an ensemble carries in place of its members' weights."""

import json

from modelkiln.canonical import canonical_json
from modelkiln.ensemble.lazy_weights import merge_documents
from modelkiln.weights.lock import set_digest


def document(mirrors, *files):
    """The document of one member; a path that ends in ! is fetched on demand."""
    entries = [
        {"path": path.rstrip("!"), "sha256": "a" * 64, "size": 1, **({"on_demand": True} if path[-1] == "!" else {})}
        for path in files
    ]
    return canonical_json({"schema": 1, "set_digest": "", "mirrors": mirrors, "files": entries})


def test_files_and_mirrors_of_all_members_are_there_once():
    """A file that one of them needs when it starts is fetched then, whatever the others say."""
    first = document(["https://a.example"], "x!", "y!")
    second = document(["https://b.example", "https://a.example"], "y", "z!", "x!")
    merged = json.loads(merge_documents([first, second]))
    assert ["https://a.example", "https://b.example"] == merged["mirrors"]
    assert {"x": True, "y": None, "z": True} == {one["path"]: one.get("on_demand") for one in merged["files"]}
    assert set_digest(("a" * 64, path) for path in "xyz") == merged["set_digest"]
