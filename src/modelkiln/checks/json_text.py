"""JSON files of models, read whole: configurations are small."""

import json
from typing import Any

from modelkiln.checks.content import MAX_READ, Content

__all__ = ["MAX_JSON", "read_all", "read_json"]

MAX_JSON = 64 << 20


def read_all(content: Content) -> bytes:
    """Return all bytes of a content that has to be looked at as a whole; raises ModelkilnError for a large one."""
    if content.data is not None:
        return content.data
    parts, size = [], 0
    with content.reader() as reader:
        while piece := reader.peek(MAX_READ):
            parts.append(reader.read(len(piece)))
            size += len(piece)
            if size > MAX_JSON:
                raise content.refuse(f"is a text of more than {MAX_JSON} bytes", "Make it smaller, or leave it out")
    return b"".join(parts)


def read_json(content: Content) -> Any:
    """Return the value of a JSON file, None where it is not one."""
    try:
        # As Python's loaders do: json.load takes UTF-8, 16 and 32.
        return json.loads(read_all(content))
    except (ValueError, RecursionError):
        return None
