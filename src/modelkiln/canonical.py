"""Canonical JSON: one byte string for one value."""

import json
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any, Callable

__all__ = ["canonical_json", "readable_json"]


def canonical_json(value: Any) -> bytes:
    """Return `value` as UTF-8 JSON with sorted keys and no white space.

    Equal values give equal bytes, whatever the order in which a dict was filled, so that a
    digest of the text is a digest of the value. NaN and infinities are refused (ValueError):
    JSON has no such numbers (RFC 8259, section 6).
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


# What json's own encoder, which knows no indentation, writes in one piece.
_SCALARS = frozenset((str, int, bool, type(None)))


@lru_cache(maxsize=16)
def _flat_encoder(indent: str) -> Callable[[Any], str]:
    return json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(f",\n{indent}", ": ")).encode


def readable_json(value: Any, indent: str = "") -> str:
    """Return what `json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)` returns, which
    takes six times as long: a lock may have ten thousand files."""
    inner = indent + "  "
    if isinstance(value, (dict, list, tuple)) and value:
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        if _SCALARS.issuperset(map(type, value.values() if isinstance(value, dict) else value)):
            return f"{opening}\n{inner}{_flat_encoder(inner)(value)[1:-1]}\n{indent}{closing}"
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, dict) and value:
        pairs = [f"{inner}{encode_basestring(key)}: {readable_json(value[key], inner)}" for key in sorted(value)]
        return "{\n" + ",\n".join(pairs) + f"\n{indent}}}"
    if isinstance(value, (list, tuple)) and value:
        return "[\n" + ",\n".join([inner + readable_json(one, inner) for one in value]) + f"\n{indent}]"
    return json.dumps(value, allow_nan=False)
