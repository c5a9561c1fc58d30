"""Settings of a tokenizer of transformers: `tokenizer_config.json` and `special_tokens_map.json`.

Source: transformers' tokenization_utils_base.py, `from_pretrained`, which reads both as objects.
"""

import posixpath
from typing import Any

from modelkiln.checks.content import Content, is_natural
from modelkiln.checks.headers.header import BadHeader, Header, facts_of
from modelkiln.checks.headers.json_stream import JsonStream

__all__ = ["FORMAT", "NAME", "check", "looks_like"]

FORMAT, NAME = "tokenizer-config", "configuration of a tokenizer"
_NAMES = ("tokenizer_config.json", "special_tokens_map.json")
# What a tokenizer has that knows of no limit: 1e30, as a whole number.
_NO_LIMIT = 1 << 53


def looks_like(path: str, head: bytes) -> bool:
    """Return whether a file is meant as such settings: its name says it."""
    return posixpath.basename(path) in _NAMES


def check(content: Content, path: str) -> Header:
    """Check a whole file. Raises BadHeader."""
    found: dict[str, Any] = {}
    with content.reader() as reader:
        stream = JsonStream(reader)
        for key in stream.members():
            if stream.kind() not in "[{":
                found[key] = stream.scalar()
            elif key == "added_tokens_decoder":
                found[key] = stream.skip()
            else:
                stream.skip()
        stream.finish()
    name, limit = found.get("tokenizer_class"), found.get("model_max_length") or 0
    if name is not None and not isinstance(name, str):
        raise BadHeader(f"its tokenizer_class is {str(name)[:80]}, want a name")
    return Header(
        facts_of(
            architecture=name,
            context_length=limit if is_natural(limit) and limit < _NO_LIMIT else None,
            added_tokens=found.get("added_tokens_decoder"),
        )
    )
