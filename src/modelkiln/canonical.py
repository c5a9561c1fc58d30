"""JSON of one byte string for one value: canonical, readable, and as Go's tools write documents of OCI."""

import json
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any, Callable, Mapping, Optional

__all__ = ["canonical_json", "document_json", "readable_json"]


def canonical_json(value: Any) -> bytes:
    """Return `value` as UTF-8 JSON with sorted keys and no white space.

    Equal values give equal bytes, whatever the order in which a dict was filled, so that a
    digest of the text is a digest of the value. NaN and infinities are refused (ValueError):
    JSON has no such numbers (RFC 8259, section 6).
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


# The order of fields in image-spec 1.1 (specs-go/v1) and model-spec 0.0.7 (specs-go/v1). What is not listed, and the
# keys of maps such as annotations, are sorted, as Go sorts them.
_DESCRIPTOR: dict[str, Any] = {
    **dict.fromkeys(("mediaType", "digest", "size", "urls", "annotations", "data")),
    "platform": dict.fromkeys(("architecture", "os", "os.version", "os.features", "variant")),
    "artifactType": None,
}
_MANIFEST: dict[str, Any] = {
    **dict.fromkeys(("schemaVersion", "mediaType", "artifactType")),
    "config": _DESCRIPTOR,
    "layers": _DESCRIPTOR,
    "manifests": _DESCRIPTOR,
    "subject": _DESCRIPTOR,
    "annotations": None,
}
_IMAGE: dict[str, Any] = {
    **dict.fromkeys(("created", "author", "architecture", "os", "os.version", "os.features", "variant")),
    "config": dict.fromkeys(
        ("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal")
    ),
    "rootfs": dict.fromkeys(("type", "diff_ids")),
    "history": dict.fromkeys(("created", "created_by", "author", "comment", "empty_layer")),
}
_MODEL: dict[str, Any] = {
    "descriptor": {
        **dict.fromkeys(("createdAt", "authors", "family", "name", "docURL", "sourceURL", "datasetsURL", "version")),
        **dict.fromkeys(("revision", "vendor", "licenses", "title", "description")),
    },
    "modelfs": dict.fromkeys(("type", "diffIds")),
    "config": dict.fromkeys(("architecture", "format", "paramSize", "precision", "quantization", "capabilities")),
}
# Go's encoder writes these so that the text may stand in HTML (encoding/json, Marshal).
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def document_json(value: Mapping[str, Any]) -> bytes:
    """Return a manifest, an index, an image's config or a model's as the JSON that Go's tools write of it.

    Equal values give equal bytes, as with `canonical_json`. Tools that read a document and write it again, as
    podman's artifact commands and modctl do to compute its digest, come to the same bytes.
    """
    order = _MANIFEST if "schemaVersion" in value else _MODEL if "modelfs" in value else _IMAGE
    text = json.dumps(_ordered(value, order), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.translate(_ESCAPES).encode("utf-8")


def _ordered(value: Any, order: Optional[Mapping[str, Any]]) -> Any:
    if isinstance(value, (list, tuple)):
        return [_ordered(one, order) for one in value]
    if not isinstance(value, Mapping):
        return value
    places = {key: place for place, key in enumerate(order or ())}
    keys = sorted(value, key=lambda key: (places.get(key, len(places)), key))
    return {key: _ordered(value[key], (order or {}).get(key)) for key in keys}


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
