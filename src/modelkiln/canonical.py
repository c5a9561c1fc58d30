"""Canonical JSON: one byte string for one value."""

import json
from json.encoder import encode_basestring
from typing import Any

__all__ = ["canonical_json", "readable_json"]


def canonical_json(value: Any) -> bytes:
    """Return `value` as UTF-8 JSON with sorted keys and no white space.

    Equal values give equal bytes, whatever the order in which a dict was filled, so that a
    digest of the text is a digest of the value. NaN and infinities are refused (ValueError):
    JSON has no such numbers (RFC 8259, section 6).
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def readable_json(value: Any, indent: str = "") -> str:
    """Return what `json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)` returns, which
    takes three times as long: a lock may have ten thousand files."""
    inner = indent + "  "
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
