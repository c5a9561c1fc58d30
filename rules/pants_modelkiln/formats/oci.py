"""The format `oci`: an image, assembled from descriptors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Iterable, Sequence

from pants.engine.fs import CreateDigest, DigestSubset, FileContent, MergeDigests, PathGlobs
from pants.engine.rules import collect_rules
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.descriptor import INDEX, Descriptor
from modelkiln.digest import hex_of
from modelkiln.image.image import Base, Image, build_image
from modelkiln.image.layout import REF_NAME, index_json, platform_index
from modelkiln.layer import VENV, Layer
from modelkiln.layers import files as files_packer
from modelkiln.layers.small import LAZY_STORE, record_layer, venv_layer
from modelkiln.package.record import labels, split_labels
from modelkiln.wheels.cuda_libraries import library_folders
from pants_modelkiln.compat.calls import (
    concurrently,
    create_digest,
    digest_subset_to_digest,
    implicitly,
    merge_digests,
    rule,
)
from pants_modelkiln.engine.layers import BuiltLayer, LayerRequest, make_layers
from pants_modelkiln.formats.layouts import DistImageRequest, PackageImage, held_image, lay_out_image, layout_rendering
from pants_modelkiln.formats.rendering import Rendering, RenderingRequest
from pants_modelkiln.inputs.base_image import BaseLayers, BaseLayersRequest, make_base_layers
from pants_modelkiln.manifest.wheel_layers import runtime_layer, wheel_layers
from pants_modelkiln.package.inputs import PackageInputs
from pants_modelkiln.subsystem import ModelkilnSubsystem

_DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENTRYPOINT = (f"/{VENV}/bin/python", "-m", "modelkiln.runtime")


@dataclass(frozen=True)
class ImageRequest:
    """An image of a package."""

    inputs: PackageInputs


@rule(desc="Assemble an image", level=LogLevel.DEBUG)
async def assemble_image(request: ImageRequest, options: ModelkilnSubsystem) -> PackageImage:
    inputs = request.inputs
    assert inputs.base is not None, "checked when the inputs were resolved"
    requests = layer_requests(inputs, options)
    base, built = await concurrently(
        make_base_layers(BaseLayersRequest(inputs.base), **implicitly()), make_layers(requests)
    )
    venv, venv_blob = venv_layer(inputs.base.python, inputs.base.python_path)
    record, record_blob = record_layer(inputs.record, inputs.weights_lock)
    weights = weights_layers(inputs, built) if inputs.record_json["weights"] == "bundled" else ()
    rest = [layer.layer for layer in built if layer.layer.kind != "weights"]
    own = (*weights, venv, *rest, record)
    image = _image(inputs, base, own)
    documents = {
        image.manifest_descriptor.digest: image.manifest,
        image.config_descriptor.digest: image.config,
        venv.descriptor.digest: venv_blob,
        record.descriptor.digest: record_blob,
    }
    version = inputs.record_json["version"]
    return await held_image(image.manifest_descriptor, documents, version, (*base.layers, *own), built)


@dataclass(frozen=True)
class ImageIndexRequest:
    """The images of a package for all of its platforms."""

    inputs: PackageInputs


@rule(desc="Assemble an image index", level=LogLevel.DEBUG)
async def assemble_index(request: ImageIndexRequest) -> PackageImage:
    platforms = request.inputs.platforms
    images = await concurrently(assemble_image(ImageRequest(inputs), **implicitly()) for inputs in platforms)
    manifests = [Descriptor.from_json(json.loads(image.manifest)) for image in images]
    records = [inputs.record_json for inputs in platforms]
    shared, own = split_labels(records)
    names = [inputs.target.platform for inputs in platforms]
    data = platform_index(list(zip(manifests, names, own)), shared)
    index = Descriptor.of(INDEX, data)
    entry = index_json(index, {REF_NAME: records[0]["version"]})
    # Of each image its blobs: what lies beside them names one image alone.
    blobs = await concurrently(
        digest_subset_to_digest(DigestSubset(image.layout, PathGlobs(["blobs/**"]))) for image in images
    )
    top = await create_digest(
        CreateDigest(
            [
                FileContent("oci-layout", canonical_json({"imageLayoutVersion": "1.0.0"})),
                FileContent("index.json", entry),
                FileContent(f"blobs/sha256/{hex_of(index.digest)}", data),
            ]
        )
    )
    layers = {layer.descriptor.digest: layer for image in images for layer in image.layers}
    stored = {layer.descriptor.digest: layer for image in images for layer in image.stored}
    return PackageImage(
        layout=await merge_digests(MergeDigests((top, *blobs))),
        layers=tuple(layers.values()),
        stored=tuple(stored.values()),
        manifest=canonical_json(index.to_json()).decode(),
    )


def weights_layers(inputs: PackageInputs, built: Iterable[BuiltLayer]) -> tuple[Layer, ...]:
    """The layers of a package's model artifacts, of each those that were built and those of the store,
    in the order of their first paths."""
    made = {one.layer.recipe: one.layer for one in built if one.layer.kind == "weights"}
    found: list[Layer] = []
    for artifact in inputs.artifacts:
        layers = [*(made[request.recipe] for request in artifact.requests), *artifact.layers]
        found += sorted(layers, key=_first_path) if artifact.requests else layers
    return tuple(found)


def _first_path(layer: Layer) -> str:
    return json.loads(layer.recipe)["files"][0]["path"]


def weights_requests(inputs: PackageInputs) -> list[LayerRequest]:
    """The layers of a package's model artifacts that are made by processes: a lock tells of its own."""
    return [request for artifact in inputs.artifacts for request in artifact.requests]


def layer_requests(inputs: PackageInputs, options: ModelkilnSubsystem) -> list[LayerRequest]:
    """The layers of a package that are made by processes, lowest first."""
    requests = weights_requests(inputs) if inputs.record_json["weights"] == "bundled" else []
    apart = "platforms" in inputs.record_json["variant"]
    compression = options.compression
    wheels = wheel_layers(inputs.environment, inputs.target, inputs.base.interpreter, compression, apart)
    return [*requests, *wheels, *_code_requests(inputs, compression)]


def _code_requests(inputs: PackageInputs, compression: str) -> list[LayerRequest]:
    # Code of the package's own is not compiled: it changes often, and compiling takes as long as importing.
    code, base = inputs.code, inputs.base
    files = [file.to_json() for file in code.own_files]
    is_small = sum(file["size"] for file in files) <= files_packer.SMALL_BYTES
    own = files_packer.recipe("code", "code", "app", "none" if is_small else compression, files)
    return [
        runtime_layer(code.runtime, base.python, base.interpreter, compression),
        LayerRequest(_text(own), f"code of {inputs.address}", code.own, True),
    ]


def _image(inputs: PackageInputs, base: BaseLayers, own: Sequence[Layer]) -> Image:
    record = inputs.record_json
    path = next((value for value in base.env if value.startswith("PATH=")), _DEFAULT_PATH)
    return build_image(
        Base(
            layers=base.layers,
            architecture=inputs.base.architecture,
            os="linux",
            env=base.env,
            python=inputs.base.python,
            python_path=inputs.base.python_path,
            glibc=inputs.base.glibc,
            identity=record["base"],
        ),
        own,
        env={
            "PATH": f"/{VENV}/bin:{path[len('PATH='):]}",
            "PYTHONPATH": "/app",
            "PYTHONDONTWRITEBYTECODE": "1",
            **({"MODELKILN_STORE": LAZY_STORE} if inputs.weights_lock else {"MODELKILN_MODELS": "/models"}),
            **_library_path(inputs, base),
            **inputs.accelerator.image_env(),
        },
        entrypoint=record["entrypoint"] or list(_ENTRYPOINT),
        cmd=[],
        working_dir="/app",
        user="65532:65532",
        labels=labels(record),
        annotations=labels(record),
        volumes=[LAZY_STORE] if inputs.weights_lock else [],
    )


def _library_path(inputs: PackageInputs, base: BaseLayers) -> dict[str, str]:
    name, site_packages = "LD_LIBRARY_PATH", f"/{VENV}/lib/python{inputs.base.python}/site-packages"
    folders = [f"{site_packages}/{folder}" for folder in library_folders(inputs.environment.to_json())]
    before = [value[len(name) + 1 :] for value in base.env if value.startswith(f"{name}=")]
    return {name: ":".join([*folders, *filter(None, before)])} if folders else {}


def _text(recipe: dict) -> str:
    return canonical_json(recipe).decode()


@dataclass(frozen=True)
class OciRenderingRequest(RenderingRequest):
    """The format `oci` in `dist/`."""

    format = "oci"
    ending = "oci"


@rule(level=LogLevel.DEBUG)
async def render_oci(request: OciRenderingRequest) -> Rendering:
    image = await assemble_index(ImageIndexRequest(request.inputs), **implicitly())
    what = f"image index of {len(request.inputs.platforms)} platforms" if request.inputs.others else "image"
    return layout_rendering(
        what, request.path, image, await lay_out_image(DistImageRequest(image, request.path), **implicitly())
    )


def rules():
    return [*collect_rules(), UnionRule(RenderingRequest, OciRenderingRequest)]
