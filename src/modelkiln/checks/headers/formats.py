"""The formats of this room: which one a file has, and its check."""

from typing import Any, Optional

from modelkiln.checks.content import Content
from modelkiln.checks.headers import gguf, lightgbm, xgboost
from modelkiln.checks.headers.header import BadHeader, Header
from modelkiln.checks.headers.tokenizers import (
    merges,
    sentencepiece,
    settings,
    tekken,
    tiktoken,
    tokenizer_json,
    vocabulary,
)

__all__ = ["GGUF_ENDING", "check", "find_format"]

_BY_HEAD = (gguf, lightgbm, sentencepiece, tokenizer_json, xgboost)
# Their content alone does not show what they are.
_BY_NAME = (tiktoken, tekken, vocabulary, merges, settings)
_FORMATS: dict[str, Any] = {module.FORMAT: module for module in (*_BY_HEAD, *_BY_NAME)}
GGUF_ENDING = ".gguf"


def find_format(path: str, head: bytes) -> Optional[str]:
    """Return the format of a file, None where it is none of these. head: its first 512 bytes.

    The head decides: a file that is broken further on is still of its format.
    """
    if path.endswith(GGUF_ENDING):
        return gguf.FORMAT
    found: Any = next((module for module in _BY_HEAD if module.looks_like(head)), None)
    found = found or next((module for module in _BY_NAME if module.looks_like(path, head)), None)
    return found.FORMAT if found else None


def check(content: Content, path: str, format: str) -> Header:
    """Check a file of a format that `find_format` returned. Raises ModelkilnError for what is not exact."""
    module = _FORMATS[format]
    try:
        return module.check(content, path)
    except EOFError:
        what = "it ends too early; it is truncated"
    except BadHeader as bad:
        what = str(bad)
    raise content.refuse(f"not a valid {module.NAME}: {what}", "Fetch it again, or write it again with what made it")
