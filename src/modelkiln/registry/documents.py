"""Documents of a registry: manifests, configs and indexes, with Docker's media types read as OCI's."""

import json
from typing import Any, Mapping, Optional

from modelkiln.descriptor import CONFIG, INDEX, LAYER, MANIFEST, Descriptor
from modelkiln.digest import check_digest
from modelkiln.errors import ModelkilnError
from modelkiln.registry.reference import Reference

__all__ = [
    "ACCEPT",
    "CONFIG_LIMIT",
    "MANIFEST_LIMIT",
    "check_platform",
    "choose",
    "descriptor_of",
    "parse_document",
    "type_of",
]

# Docker's names for what OCI has standardised since; the bytes are the same (image-spec 1.1,
# media-types.md, "Compatibility Matrix").
_DOCKER = "application/vnd.docker"
_AS_OCI = {
    f"{_DOCKER}.distribution.manifest.v2+json": MANIFEST,
    f"{_DOCKER}.distribution.manifest.list.v2+json": INDEX,
    f"{_DOCKER}.container.image.v1+json": CONFIG,
    f"{_DOCKER}.image.rootfs.diff.tar": LAYER,
    f"{_DOCKER}.image.rootfs.diff.tar.gzip": LAYER + "+gzip",
}
ACCEPT = ", ".join([MANIFEST, INDEX, *list(_AS_OCI)[:2]])
# Registries refuse larger manifests; a config of this size would hold thousands of layers.
MANIFEST_LIMIT = 4 << 20
CONFIG_LIMIT = 8 << 20


def parse_document(data: bytes, pinned: Reference) -> dict[str, Any]:
    """Return the JSON object of a manifest or config; raises ModelkilnError for anything else."""
    try:
        value = json.loads(data)
    except ValueError as error:
        raise ModelkilnError(f"{pinned}: a document of the image is not JSON ({error}).") from None
    if not isinstance(value, dict):
        raise ModelkilnError(f"{pinned}: a document of the image is not a JSON object.")
    return value


def type_of(document: Mapping[str, Any]) -> Optional[str]:
    """The document's media type, as OCI names it. OCI lets it be absent: then the shape tells."""
    media_type = document.get("mediaType")
    if media_type is None:
        return INDEX if "manifests" in document else MANIFEST if "layers" in document else None
    return _AS_OCI.get(media_type, media_type)


def descriptor_of(value: Any, pinned: Reference) -> Descriptor:
    """Read a descriptor; Docker's media types become those of OCI."""
    descriptor = Descriptor.from_json(value, str(pinned))
    media_type = _AS_OCI.get(descriptor.media_type, descriptor.media_type)
    return Descriptor(media_type, descriptor.digest, descriptor.size)


def _platform(value: Mapping[str, Any]) -> tuple[str, str]:
    return f"{value.get('os')}/{value.get('architecture')}", value.get("variant") or ""


def _fits(value: Mapping[str, Any], platform: str) -> bool:
    """Whether an image for `value` runs on `platform`; a variant counts where both name one."""
    system, _, rest = platform.partition("/")
    architecture, _, variant = rest.partition("/")
    have, have_variant = _platform(value)
    return have == f"{system}/{architecture}" and (not variant or not have_variant or variant == have_variant)


def choose(index: Mapping[str, Any], platform: str, pinned: Reference) -> str:
    """The digest of the index's manifest for `platform`."""
    manifests = [one for one in index.get("manifests", []) if isinstance(one.get("platform"), dict)]
    for manifest in manifests:
        if _fits(manifest["platform"], platform):
            return check_digest(manifest.get("digest"), str(pinned))
    has = ", ".join("/".join(filter(None, _platform(one["platform"]))) for one in manifests)
    raise ModelkilnError(f"{pinned}: has no image for {platform}, but for {has or 'no platform'}. Pin another.")


def check_platform(config: Mapping[str, Any], platform: str, pinned: Reference) -> None:
    if not _fits(config, platform):
        raise ModelkilnError(f"{pinned}: is for {_platform(config)[0]}, want {platform}. Pin another image.")
