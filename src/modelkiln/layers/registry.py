"""Base images from a registry: the manifest and config now, a layer's bytes when they are needed."""

from typing import Any, Mapping

from modelkiln.descriptor import CONFIG, LAYER_MEDIA_TYPES, MANIFEST, Descriptor
from modelkiln.digest import check_digest, hex_of
from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer
from modelkiln.machine.settings import load_machine_env
from modelkiln.recipe import REGISTRY, Recipe
from modelkiln.registry.blobs import blob_chunks, read_blob
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.documents import descriptor_of, fits, image_manifest, parse_document, platform_of
from modelkiln.registry.reference import Reference, parse_reference
from modelkiln.store.store import Store
from modelkiln.wording import counted

__all__ = ["build", "read_image"]


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
    kind, manifest = image_manifest(client, client.read_manifest(pinned.digest), platform)
    if kind != MANIFEST:
        raise ModelkilnError(f"{pinned}: is a {kind!r}, not an image. Pin an image.")
    config_descriptor = descriptor_of(manifest.get("config"), pinned)
    if config_descriptor.media_type != CONFIG:
        raise ModelkilnError(f"{pinned}: has a config of {config_descriptor.media_type!r}, so it is not an image.")
    config = parse_document(read_blob(client, config_descriptor.digest), pinned)
    _check_platform(config, platform, pinned)
    layers = [layer.to_json() for layer in _layers(manifest, config, pinned)]
    return {"reference": str(pinned), "manifest": manifest, "config": config, "layers": layers}


def build(recipe: Recipe, store: Store) -> Layer:
    """Put the layer of a registry/1 recipe into `store`, streamed and verified.

    Its inputs: "image" ("registry/name"), "descriptor", "diff_id".
    """
    descriptor = Descriptor.from_json(recipe["descriptor"], f"recipe of {recipe['image']}")
    if not store.has(descriptor.digest, descriptor.size):
        # The layer's own digest stands where a reference has its manifest's: it is what is read.
        pinned = parse_reference(f"{recipe['image']}@{descriptor.digest}")
        client = RegistryClient(pinned, load_machine_env(store.root))
        with store.writer(expected=descriptor.digest) as blob:
            for chunk in blob_chunks(client, descriptor):
                blob.write(chunk)
    return _layer(recipe["image"], descriptor, recipe["diff_id"])


def _layer(image: str, descriptor: Descriptor, diff_id: str) -> Layer:
    inputs = {"image": image, "descriptor": descriptor.to_json(), "diff_id": diff_id}
    title = f"{image.rpartition('/')[2]} {hex_of(descriptor.digest)[:12]}"
    return Layer("base", title, descriptor, diff_id, 0, Recipe.made_by(REGISTRY, inputs))


def _check_platform(config: Mapping[str, Any], platform: str, pinned: Reference) -> None:
    if not fits(config, platform):
        raise ModelkilnError(f"{pinned}: is for {platform_of(config)[0]}, want {platform}. Pin another image.")


def _layers(manifest: Mapping[str, Any], config: Mapping[str, Any], pinned: Reference) -> list[Layer]:
    descriptors = [descriptor_of(value, pinned) for value in manifest.get("layers") or []]
    diff_ids = (config.get("rootfs") or {}).get("diff_ids") or []
    if len(descriptors) != len(diff_ids):
        raise ModelkilnError(
            f"{pinned}: the manifest has {counted(len(descriptors), 'layer')} and the config {len(diff_ids)}. The "
            "image is broken."
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
