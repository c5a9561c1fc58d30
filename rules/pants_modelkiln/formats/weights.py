"""The formats `artifact` and `weights-image`: model artifacts without the package around them."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass

from pants.core.goals.package import BuiltPackageArtifact
from pants.engine.fs import FileContent, FileEntry
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.digest import hex_of
from modelkiln.errors import ModelkilnError
from modelkiln.layout import REF_NAME, layout_files
from modelkiln.weights_package import build_artifact, build_weights_image
from pants_modelkiln.api import concurrently, create_digest
from pants_modelkiln.formats.oci import PackageImage, apart_lines, dist_image, weights_layers, weights_requests
from pants_modelkiln.formats.rendering import Rendering, RenderingRequest, readable_size
from pants_modelkiln.inputs import PackageInputs
from pants_modelkiln.layers import build_layer


@dataclass(frozen=True)
class WeightsRequest:
    """The weights of a package as an image, or else as a ModelPack artifact."""

    inputs: PackageInputs
    is_image: bool


@dataclass(frozen=True)
class WeightsLayout:
    """The layout of weights: a PackageImage whose manifest may be an artifact's."""

    image: PackageImage


def weights_layout(inputs: PackageInputs, is_image: bool) -> Get:
    """WeightsLayout of a package."""
    return Get(WeightsLayout, WeightsRequest(inputs, is_image))


@rule(desc="Assemble weights", level=LogLevel.DEBUG)
async def assemble_weights(request: WeightsRequest) -> WeightsLayout:
    record = request.inputs.record_json
    built = await concurrently(build_layer(layer) for layer in weights_requests(request.inputs))
    layers = weights_layers(request.inputs, built)
    try:
        if request.is_image:
            made = build_weights_image(layers, record, _set_digest(record))
        else:
            made = build_artifact(layers, record)
    except ModelkilnError as error:
        raise ModelkilnError(f"{request.inputs.address}: {error}") from None
    written = layout_files(
        made.manifest_descriptor,
        {made.manifest_descriptor.digest: made.manifest, made.config_descriptor.digest: made.config},
        {REF_NAME: record["version"]},
    )
    carried = {one.layer.descriptor.digest: one.blob for one in built if one.blob}
    layout = await create_digest(
        [
            *(FileContent(path, data) for path, data in written.items()),
            *(FileEntry(f"blobs/sha256/{hex_of(digest)}", blob) for digest, blob in carried.items()),
        ]
    )
    return WeightsLayout(
        PackageImage(
            layout=layout,
            layers=layers,
            stored=tuple(layer for layer in layers if layer.descriptor.digest not in carried),
            manifest=canonical_json(made.manifest_descriptor.to_json()).decode(),
        )
    )


def _set_digest(record: dict) -> str:
    # As a weights lock has it: modelkiln.weights_lock.set_digest.
    lines = sorted(f"{file['sha256']}  {file['path']}\n" for file in record["artifacts"])
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


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


@dataclass(frozen=True)
class WeightsRenderingRequest:
    """Either of the two at a path relative to `dist/`."""

    inputs: PackageInputs
    path: str
    is_image: bool


@rule(level=LogLevel.DEBUG)
async def render_weights(request: WeightsRenderingRequest) -> Rendering:
    image = (await weights_layout(request.inputs, request.is_image)).image
    laid_out = await dist_image(image, request.path)
    manifest = json.loads(image.manifest)
    size = sum(layer.descriptor.size for layer in image.layers)
    kind = "weights image" if request.is_image else "ModelPack artifact"
    lines = [f"  {kind} {manifest['digest']}, {len(image.layers)} layers, {readable_size(size)}"]
    if laid_out.missing:
        names = ", ".join(layer.title for layer in laid_out.missing)
        lines.append(f"  not on this machine yet (`modelkiln export` gets them): {names}")
    lines += apart_lines(laid_out)
    return Rendering(
        digest=laid_out.digest,
        facts=canonical_json({"path": os.path.basename(request.path), "manifest": manifest}).decode(),
        layers=image.layers,
        artifact=BuiltPackageArtifact(request.path, tuple(lines)),
    )


def _render(request: RenderingRequest, is_image: bool) -> Get:
    return Get(Rendering, WeightsRenderingRequest(request.inputs, request.path, is_image))


@rule(level=LogLevel.DEBUG)
async def render_artifact(request: ArtifactRenderingRequest) -> Rendering:
    return await _render(request, False)


@rule(level=LogLevel.DEBUG)
async def render_weights_image(request: WeightsImageRenderingRequest) -> Rendering:
    return await _render(request, True)


def rules():
    return [
        *collect_rules(),
        UnionRule(RenderingRequest, ArtifactRenderingRequest),
        UnionRule(RenderingRequest, WeightsImageRenderingRequest),
    ]
