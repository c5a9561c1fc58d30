"""The formats `artifact` and `weights-image`: model artifacts without the package around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Union

from pants.engine.fs import FileEntry
from pants.engine.rules import collect_rules
from pants.engine.unions import UnionRule
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

from modelkiln.descriptor import Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.formats.model_pack import (
    Artifact,
    build_artifact,
    build_tar_artifact,
    build_weights_image,
    raw_type,
)
from modelkiln.image.image import Image
from modelkiln.layer import Layer
from modelkiln.layers.weights import file_layer
from modelkiln.weights.lock import set_digest
from pants_modelkiln.compat.calls import get_digest_entries, implicitly, rule
from pants_modelkiln.engine.layers import BuiltLayer, make_layers
from pants_modelkiln.engine.tool import machine_store
from pants_modelkiln.formats.layouts import PackageImage, lay_out_image, layout_rendering, sparse_image
from pants_modelkiln.formats.oci import layers_of, requests_of
from pants_modelkiln.formats.rendering import Rendering, RenderingRequest
from pants_modelkiln.inputs.artifact import Artifact as ArtifactInput
from pants_modelkiln.package.inputs import PackageInputs
from pants_modelkiln.subsystem import ModelkilnSubsystem


@dataclass(frozen=True)
class WeightsRequest:
    """The weights of a package as an image, or else as a ModelPack artifact."""

    inputs: PackageInputs
    is_image: bool


async def _files_as_layers(artifacts: Iterable[ArtifactInput]) -> tuple[BuiltLayer, ...]:
    """A layer for each file, by path: of those that pass through Pants, as they do; of the others, in the store."""
    found = {}
    for artifact in artifacts:
        entries = {one.path: one for one in await get_digest_entries(artifact.digest) if isinstance(one, FileEntry)}
        recipes = [layer.recipe for layer in artifact.layers if layer.recipe]
        stored = {file["path"]: (file, recipe) for recipe in recipes for file in recipe["files"]}
        for file in artifact.files:
            media_type, title = raw_type(file.path), f"{artifact.address} ({file.path})"
            if file.path in stored:
                entry, recipe = stored[file.path]
                found[file.path] = BuiltLayer(file_layer(title, entry, media_type, recipe), None)
            else:
                descriptor = Descriptor(media_type, f"sha256:{file.sha256}", file.size)
                layer = Layer("weights", title, descriptor, descriptor.digest, file.size)
                found[file.path] = BuiltLayer(layer, entries[file.path].file_digest)
    return tuple(found[path] for path in sorted(found))


@rule(desc="Assemble weights", level=LogLevel.DEBUG)
async def assemble_weights(request: WeightsRequest, options: ModelkilnSubsystem) -> PackageImage:
    """The artifact or image of a package's weights alone; raises ModelkilnError where it has none."""
    inputs = request.inputs
    record, is_raw = inputs.record, not request.is_image and options.artifact_layers == "raw"
    if options.artifact_layers not in ("raw", "tar"):
        raise ModelkilnError(f"[modelkiln].artifact_layers: {options.artifact_layers!r} is not one of raw, tar.")
    built: tuple[BuiltLayer, ...]
    if is_raw:
        # Their digests are known: nothing is packed, and of what the store has nothing is read.
        built = await _files_as_layers(inputs.artifacts)
        layers = tuple(one.layer for one in built)
    else:
        built = await make_layers(requests_of(inputs.parts))
        layers = layers_of(inputs.parts, built)
    try:
        if is_raw:
            files = [file.to_json() for artifact in inputs.artifacts for file in artifact.files]
            made: Union[Artifact, Image] = build_artifact(files, record)
        elif request.is_image:
            named = [(file.sha256, file.path) for artifact in inputs.artifacts for file in artifact.files]
            made = build_weights_image(layers, record, set_digest(named))
        else:
            made = build_tar_artifact(layers, record)
    except ModelkilnError as error:
        raise ModelkilnError(f"{inputs.address}: {error}") from None
    documents = {made.manifest_descriptor.digest: made.manifest, made.config_descriptor.digest: made.config}
    return await sparse_image(made.manifest_descriptor, documents, record["version"], layers, built)


@dataclass(frozen=True)
class ArtifactRenderingRequest(RenderingRequest):
    """The format `artifact` in `dist/`."""

    format = "artifact"
    ending = "artifact"


@dataclass(frozen=True)
class WeightsImageRenderingRequest(RenderingRequest):
    """The format `weights-image` in `dist/`."""

    format = "weights-image"
    ending = "weights.oci"


@rule(level=LogLevel.DEBUG)
async def render_artifact(
    request: ArtifactRenderingRequest, options: ModelkilnSubsystem, machine: GlobalOptions
) -> Rendering:
    """Write the ModelPack artifact's layout."""
    image = await assemble_weights(WeightsRequest(request.inputs, is_image=False), **implicitly())
    laid_out = await lay_out_image(image, request.path, options.dist_blob_limit, machine_store(machine))
    return layout_rendering("ModelPack artifact", request.path, image, laid_out)


@rule(level=LogLevel.DEBUG)
async def render_weights_image(
    request: WeightsImageRenderingRequest, options: ModelkilnSubsystem, machine: GlobalOptions
) -> Rendering:
    """Write the weights image's layout."""
    image = await assemble_weights(WeightsRequest(request.inputs, is_image=True), **implicitly())
    laid_out = await lay_out_image(image, request.path, options.dist_blob_limit, machine_store(machine))
    return layout_rendering("weights image", request.path, image, laid_out)


def rules():
    return [
        *collect_rules(),
        UnionRule(RenderingRequest, ArtifactRenderingRequest),
        UnionRule(RenderingRequest, WeightsImageRenderingRequest),
    ]
