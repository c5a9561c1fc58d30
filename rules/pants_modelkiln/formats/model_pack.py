"""The formats `artifact` and `weights-image`: model artifacts without the package around them."""

from __future__ import annotations

from dataclasses import dataclass

from pants.engine.rules import collect_rules
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from modelkiln.formats.model_pack import build_artifact, build_weights_image
from modelkiln.weights.lock import set_digest
from pants_modelkiln.compat.calls import concurrently, implicitly, rule
from pants_modelkiln.engine.layers import make_layer
from pants_modelkiln.formats.layouts import (
    DistImageRequest,
    PackageImage,
    lay_out_image,
    layout_rendering,
    sparse_image,
)
from pants_modelkiln.formats.oci import layers_of, requests_of
from pants_modelkiln.formats.rendering import Rendering, RenderingRequest
from pants_modelkiln.package.inputs import PackageInputs


@dataclass(frozen=True)
class WeightsRequest:
    """The weights of a package as an image, or else as a ModelPack artifact."""

    inputs: PackageInputs
    is_image: bool


@rule(desc="Assemble weights", level=LogLevel.DEBUG)
async def assemble_weights(request: WeightsRequest) -> PackageImage:
    record = request.inputs.record
    parts = request.inputs.parts
    built = await concurrently(make_layer(one, **implicitly()) for one in requests_of(parts))
    layers = layers_of(parts, built)
    try:
        if request.is_image:
            files = [(file.sha256, file.path) for artifact in request.inputs.artifacts for file in artifact.files]
            made = build_weights_image(layers, record, set_digest(files))
        else:
            made = build_artifact(layers, record)
    except ModelkilnError as error:
        raise ModelkilnError(f"{request.inputs.address}: {error}") from None
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
async def render_artifact(request: ArtifactRenderingRequest) -> Rendering:
    image = await assemble_weights(WeightsRequest(request.inputs, is_image=False), **implicitly())
    return layout_rendering(
        "ModelPack artifact",
        request.path,
        image,
        await lay_out_image(DistImageRequest(image, request.path), **implicitly()),
    )


@rule(level=LogLevel.DEBUG)
async def render_weights_image(request: WeightsImageRenderingRequest) -> Rendering:
    image = await assemble_weights(WeightsRequest(request.inputs, is_image=True), **implicitly())
    return layout_rendering(
        "weights image", request.path, image, await lay_out_image(DistImageRequest(image, request.path), **implicitly())
    )


def rules():
    return [
        *collect_rules(),
        UnionRule(RenderingRequest, ArtifactRenderingRequest),
        UnionRule(RenderingRequest, WeightsImageRenderingRequest),
    ]
