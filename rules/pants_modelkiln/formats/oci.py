"""The format `oci`: an image, assembled from descriptors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Sequence

from pants.engine.fs import CreateDigest, DigestSubset, FileContent, MergeDigests, PathGlobs
from pants.engine.rules import collect_rules
from pants.engine.unions import UnionRule
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

from modelkiln.attestation.sbom.bom import IMAGE
from modelkiln.descriptor import INDEX, Descriptor
from modelkiln.image.entries import REF_NAME
from modelkiln.image.image import Base, Image, build_image
from modelkiln.image.layout import blob_name, platform_index, top_files
from modelkiln.layer import Layer
from modelkiln.layers.small import record_layer
from modelkiln.package.record import labels, split_labels
from pants_modelkiln.compat.calls import (
    concurrently,
    create_digest,
    digest_subset_to_digest,
    implicitly,
    merge_digests,
    rule,
)
from pants_modelkiln.engine.layers import BuiltLayer, LayerRequest, make_layers
from pants_modelkiln.engine.tool import machine_store
from pants_modelkiln.formats.layouts import PackageImage, lay_out_image, layout_rendering, sparse_image
from pants_modelkiln.formats.rendering import Rendering, RenderingRequest
from pants_modelkiln.inputs.artifact import Part
from pants_modelkiln.inputs.base_image import BaseLayers, BaseLayersRequest, make_base_layers
from pants_modelkiln.package.bom import write_bom
from pants_modelkiln.package.code_layers import code_requests
from pants_modelkiln.package.image import environment_layers, image_settings
from pants_modelkiln.package.inputs import PackageInputs
from pants_modelkiln.subsystem import ModelkilnSubsystem


@dataclass(frozen=True)
class ImageRequest:
    """An image of a package."""

    inputs: PackageInputs


@rule(desc="Assemble an image", level=LogLevel.DEBUG)
async def assemble_image(request: ImageRequest, options: ModelkilnSubsystem) -> PackageImage:
    """Make all layers at once, then config and manifest."""
    inputs = request.inputs
    assert inputs.base is not None, "checked when the inputs were resolved"
    venvs = environment_layers(inputs.base, inputs.environment)
    bom = await write_bom(inputs, IMAGE)
    record, record_blob = record_layer(inputs.record.to_bytes(), inputs.weights_lock, bom)
    weights = inputs.parts if inputs.record["weights"] == "bundled" else ()
    # Over an unknown base the environment hides what that has in our folders: it lies below the weights.
    own = [venv for venv, _ in venvs]
    lowest = (*own, *weights) if inputs.base.reference else (*weights, *own)
    parts = (*lowest, *code_requests(inputs, options.compression), record)
    base, built = await concurrently(
        make_base_layers(BaseLayersRequest(inputs.base), **implicitly()), make_layers(requests_of(parts))
    )
    layers = layers_of(parts, built)
    image = _image(inputs, base, layers)
    documents = {
        image.manifest_descriptor.digest: image.manifest,
        image.config_descriptor.digest: image.config,
        **{venv.descriptor.digest: blob for venv, blob in venvs},
        record.descriptor.digest: record_blob,
    }
    return await sparse_image(
        image.manifest_descriptor, documents, inputs.record["version"], (*base.layers, *layers), built
    )


async def assemble_index(inputs: PackageInputs) -> PackageImage:
    """The images of a package for all of its platforms, under one index where there are several; they share blobs."""
    if not inputs.others:
        return await assemble_image(ImageRequest(inputs), **implicitly())
    platforms = inputs.platforms
    images = await concurrently(assemble_image(ImageRequest(inputs), **implicitly()) for inputs in platforms)
    manifests = [image.manifest for image in images]
    records = [inputs.record for inputs in platforms]
    shared, own = split_labels(records)
    names = [inputs.target.platform for inputs in platforms]
    has_zstd = [any(layer.descriptor.media_type.endswith("+zstd") for layer in image.layers) for image in images]
    data = platform_index(list(zip(manifests, names, own, has_zstd)), shared)
    index = Descriptor.of(INDEX, data)
    files = {**top_files(index, {REF_NAME: records[0]["version"]}), blob_name(index.digest): data}
    # Of each image its blobs: what lies next to them names one image alone.
    blobs = await concurrently(
        digest_subset_to_digest(DigestSubset(image.layout, PathGlobs(["blobs/**"]))) for image in images
    )
    top = await create_digest(CreateDigest(FileContent(path, data) for path, data in files.items()))
    layers = {layer.descriptor.digest: layer for image in images for layer in image.layers}
    stored = {layer.descriptor.digest: layer for image in images for layer in image.stored}
    return PackageImage(
        layout=await merge_digests(MergeDigests((top, *blobs))),
        layers=tuple(layers.values()),
        stored=tuple(stored.values()),
        manifest=index,
    )


def requests_of(parts: Sequence[Part]) -> list[LayerRequest]:
    """Those of a stack's layers that are made by processes."""
    return [part for part in parts if isinstance(part, LayerRequest)]


def layers_of(parts: Sequence[Part], built: Sequence[BuiltLayer]) -> tuple[Layer, ...]:
    """The layers of a stack. built: those of its requests, in their order."""
    made = iter(built)
    return tuple(next(made).layer if isinstance(part, LayerRequest) else part for part in parts)


def _image(inputs: PackageInputs, base: BaseLayers, own: Sequence[Layer]) -> Image:
    record = inputs.record
    is_lazy = bool(inputs.weights_lock)
    settings = image_settings(
        inputs.base, base.env, inputs.environment, inputs.accelerator, record["entrypoint"], is_lazy
    )
    named = replace(settings, labels=labels(record), annotations=labels(record))
    return build_image(Base(base.layers, inputs.base.architecture, "linux", base.env), own, named)


@dataclass(frozen=True)
class OciRenderingRequest(RenderingRequest):
    """The format `oci` in `dist/`."""

    format = "oci"
    ending = "oci"


@rule(level=LogLevel.DEBUG)
async def render_oci(request: OciRenderingRequest, options: ModelkilnSubsystem, machine: GlobalOptions) -> Rendering:
    """Write the layout of the image, or of the index of several."""
    image = await assemble_index(request.inputs)
    what = f"image index of {len(request.inputs.platforms)} platforms" if request.inputs.others else "image"
    laid_out = await lay_out_image(image, request.path, options.dist_blob_limit, machine_store(machine))
    return layout_rendering(what, request.path, image, laid_out)


def rules():
    return [*collect_rules(), UnionRule(RenderingRequest, OciRenderingRequest)]
