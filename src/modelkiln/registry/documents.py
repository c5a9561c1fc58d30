"""Documents of a registry: manifests, indexes and configs, of OCI and of Docker."""

from typing import Any, Mapping, Optional

from modelkiln.descriptor import CONFIG, INDEX, LAYER, MANIFEST, Descriptor
from modelkiln.document import parse_object
from modelkiln.errors import ModelkilnError
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.reference import Reference

__all__ = ["descriptor_of", "fits", "image_manifest", "parse_document", "platform_of", "type_of"]

# Docker's names for what OCI has standardised since; the bytes are the same (image-spec 1.1,
# media-types.md, "Compatibility Matrix").
_DOCKER = "application/vnd.docker"
_AS_OCI = {
    f"{_DOCKER}.distribution.manifest.v2+json": MANIFEST,
    f"{_DOCKER}.distribution.manifest.list.v2+json": INDEX,
    f"{_DOCKER}.container.image.v1+json": CONFIG,
    f"{_DOCKER}.image.rootfs.diff.tar": LAYER,
    f"{_DOCKER}.image.rootfs.diff.tar.gzip": LAYER + "+gzip",
    # BuildKit's, where it is asked for docker's media types and zstd.
    f"{_DOCKER}.image.rootfs.diff.tar.zstd": LAYER + "+zstd",
}
# BuildKit lists attestations next to the images that they are about.
_ATTESTATION = "vnd.docker.reference.type"
# Nobody nests indexes deeper.
_MAX_DEPTH = 4


def image_manifest(client: RegistryClient, data: bytes, platform: str) -> tuple[str, dict[str, Any]]:
    """Return media type and content of the manifest that a document leads to.

    An index is followed to the manifest of `platform` (os/arch or os/arch/variant), through indexes
    in it; an index of one entry to that one. Raises ModelkilnError where there is none.
    """
    where = client.repository
    for _ in range(_MAX_DEPTH + 1):
        document = parse_document(data, where)
        if type_of(document) != INDEX:
            return str(type_of(document)), document
        data = client.read_manifest(_choose(document, platform, where))
    raise ModelkilnError(f"{where}: indexes are nested more than {_MAX_DEPTH} deep. Pin the image itself.")


def parse_document(data: bytes, pinned: Reference) -> dict[str, Any]:
    """Return the JSON object of a manifest or config; raises ModelkilnError for anything else."""
    try:
        return parse_object(data)
    except ValueError as error:
        raise ModelkilnError(f"{pinned}: a document of the image is not JSON ({error}).") from None


def type_of(document: Mapping[str, Any]) -> Optional[str]:
    """The document's media type, as OCI names it. OCI lets it be absent: then its fields decide."""
    media_type = document.get("mediaType")
    if media_type is None:
        return INDEX if "manifests" in document else MANIFEST if "layers" in document else None
    return _AS_OCI.get(media_type, media_type)


def descriptor_of(value: Any, pinned: Reference) -> Descriptor:
    """Read a descriptor; Docker's media types become those of OCI."""
    descriptor = Descriptor.from_json(value, str(pinned))
    media_type = _AS_OCI.get(descriptor.media_type, descriptor.media_type)
    return Descriptor(media_type, descriptor.digest, descriptor.size)


def platform_of(value: Mapping[str, Any]) -> tuple[str, str]:
    """Return os/architecture, and the variant or ""."""
    return f"{value.get('os')}/{value.get('architecture')}", value.get("variant") or ""


def fits(value: Mapping[str, Any], platform: str) -> bool:
    """Whether an image for `value` runs on `platform`; a variant counts where both name one."""
    system, _, rest = platform.partition("/")
    architecture, _, variant = rest.partition("/")
    have, have_variant = platform_of(value)
    return have == f"{system}/{architecture}" and (not variant or not have_variant or variant == have_variant)


def _choose(index: Mapping[str, Any], platform: str, pinned: Reference) -> str:
    """The digest of the index's entry for `platform`."""
    listed = [one for one in index.get("manifests") or [] if _ATTESTATION not in (one.get("annotations") or {})]
    known = [one for one in listed if isinstance(one.get("platform"), dict)]
    fitting = listed if len(listed) == 1 else [one for one in known if fits(one["platform"], platform)]
    if fitting:
        return descriptor_of(fitting[0], pinned).digest
    has = ", ".join("/".join(filter(None, platform_of(one["platform"]))) for one in known)
    raise ModelkilnError(f"{pinned}: has no image for {platform}, but for {has or 'no platform'}. Pin another.")
