"""Base images from a registry: the manifest and config now, a layer's bytes when they are needed."""

import json
from typing import Any, Mapping, Optional

from modelkiln.canonical import canonical_json
from modelkiln.descriptor import CONFIG, INDEX, LAYER, LAYER_MEDIA_TYPES, MANIFEST, Descriptor
from modelkiln.digest import check_digest, hex_of
from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer
from modelkiln.machine.settings import load_machine_env
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.reference import Reference, parse_reference
from modelkiln.store.store import Store

__all__ = [
    "ACCEPT",
    "CONFIG_LIMIT",
    "MANIFEST_LIMIT",
    "build",
    "choose",
    "descriptor_of",
    "parse_document",
    "read_image",
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


def read_image(reference: str, platform: str, env: Mapping[str, str]) -> dict[str, Any]:
    """Read the manifest and the config of a pinned image, and of no layer a byte.

    reference: see `parse_reference`; an index is followed to the manifest of `platform` (os/arch
    or os/arch/variant). env: the machine's settings, see `load_machine_env`. Returns
    {"reference", "manifest": object, "config": object, "layers": [a Layer's JSON each]}; a layer's
    unpacked size is 0, for no one has unpacked it. Raises ModelkilnError for what cannot be
    reached, does not match its digest, or is not an image for `platform`.
    """
    pinned = parse_reference(reference)
    client = RegistryClient(pinned, env)
    manifest = parse_document(client.read("manifests", pinned.digest, MANIFEST_LIMIT, ACCEPT), pinned)
    if type_of(manifest) == INDEX:
        chosen = choose(manifest, platform, pinned)
        manifest = parse_document(client.read("manifests", chosen, MANIFEST_LIMIT, ACCEPT), pinned)
    if type_of(manifest) != MANIFEST:
        raise ModelkilnError(f"{pinned}: is a {type_of(manifest)!r}, not an image. Pin an image.")
    config_descriptor = descriptor_of(manifest.get("config"), pinned)
    if config_descriptor.media_type != CONFIG:
        raise ModelkilnError(f"{pinned}: has a config of {config_descriptor.media_type!r}, so it is not an image.")
    config = parse_document(client.read("blobs", config_descriptor.digest, CONFIG_LIMIT), pinned)
    _check_platform(config, platform, pinned)
    layers = [layer.to_json() for layer in _layers(manifest, config, pinned)]
    return {"reference": str(pinned), "manifest": manifest, "config": config, "layers": layers}


def build(recipe: Mapping[str, Any], store: Store) -> Layer:
    """Put the layer of a registry/1 recipe into `store`, streamed and verified.

    recipe: {"packer": "registry/1", "image": "registry/name", "descriptor", "diff_id"}.
    """
    descriptor = Descriptor.from_json(recipe["descriptor"], f"recipe of {recipe['image']}")
    if not store.has(descriptor.digest, descriptor.size):
        # The layer's own digest stands where a reference has its manifest's: it is what is read.
        pinned = parse_reference(f"{recipe['image']}@{descriptor.digest}")
        client = RegistryClient(pinned, load_machine_env(store.root))
        with store.writer(expected=descriptor.digest) as blob:
            client.stream_blob(descriptor.digest, descriptor.size, blob.write)
    return _layer(recipe["image"], descriptor, recipe["diff_id"])


def _layer(image: str, descriptor: Descriptor, diff_id: str) -> Layer:
    recipe = {
        "packer": "registry/1",
        "image": image,
        "descriptor": descriptor.to_json(),
        "diff_id": diff_id,
    }
    title = f"{image.rpartition('/')[2]} {hex_of(descriptor.digest)[:12]}"
    return Layer("base", title, descriptor, diff_id, 0, canonical_json(recipe).decode())


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


def _check_platform(config: Mapping[str, Any], platform: str, pinned: Reference) -> None:
    if not _fits(config, platform):
        raise ModelkilnError(f"{pinned}: is for {_platform(config)[0]}, want {platform}. Pin another image.")


def _layers(manifest: Mapping[str, Any], config: Mapping[str, Any], pinned: Reference) -> list[Layer]:
    descriptors = [descriptor_of(value, pinned) for value in manifest.get("layers") or []]
    diff_ids = (config.get("rootfs") or {}).get("diff_ids") or []
    if len(descriptors) != len(diff_ids):
        raise ModelkilnError(
            f"{pinned}: the manifest has {len(descriptors)} layers and the config {len(diff_ids)}. The image is broken."
        )
    for descriptor in descriptors:
        if descriptor.media_type not in LAYER_MEDIA_TYPES:
            raise ModelkilnError(
                f"{pinned}: has a layer of {descriptor.media_type!r}, which cannot be copied. Pin an "
                "image with tar, gzip or zstd layers."
            )
    return [
        _layer(pinned.image, descriptor, check_digest(diff_id, str(pinned)))
        for descriptor, diff_id in zip(descriptors, diff_ids)
    ]
