"""Canonical JSON: one byte string for one value."""

import json
from typing import Any

__all__ = ["canonical_json"]


def canonical_json(value: Any) -> bytes:
    """Return `value` as UTF-8 JSON with sorted keys and no white space.

    Equal values give equal bytes, whatever the order in which a dict was filled, so that a
    digest of the text is a digest of the value. NaN and infinities are refused (ValueError):
    JSON has no such numbers (RFC 8259, section 6).
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")
