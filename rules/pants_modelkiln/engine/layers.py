"""Layers as processes: one for each recipe, for all of its users; small ones need none."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pants.engine.fs import EMPTY_DIGEST, Digest, FileContent, FileDigest
from pants.engine.rules import Get, collect_rules, rule
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.digest import hex_of
from modelkiln.layer import Layer
from modelkiln.layers import files as files_packer
from modelkiln.recipe import Recipe
from modelkiln.runtime.weights.progress import readable_size
from pants_modelkiln.engine.api import add_prefix, create_digest, list_digest, merge_digests, read_digest, subset
from pants_modelkiln.engine.step import Step, perform_step
from pants_modelkiln.engine.tool import STORE, fetching_tool
from pants_modelkiln.subsystem import ModelkilnSubsystem

# Packing more bytes than this takes two seconds or more.
_LONG = 200_000_000


@dataclass(frozen=True)
class LayerRequest:
    """A layer to make. `sources` holds a files recipe's files.

    size: about so many bytes go into it, where that is known.
    carry: whether Pants takes the blob as well, for layers that are small and have no recipe
    that could be followed elsewhere. The smallest of them are packed right here.
    """

    recipe: Recipe
    title: str
    sources: Digest = EMPTY_DIGEST
    carry: bool = False
    size: int = 0


@dataclass(frozen=True)
class BuiltLayer:
    """A layer, and its blob in Pants' own file store when Pants carries it."""

    layer: Layer
    blob: FileDigest | None


def build_layer(request: LayerRequest) -> Get:
    """BuiltLayer of a request."""
    return Get(BuiltLayer, LayerRequest, request)


def blob_of(layer: Layer) -> Get:
    """LayerBlob: the bytes of a layer in the store."""
    return Get(LayerBlob, LayerBlobRequest(layer))


@rule(desc="Make a layer", level=LogLevel.DEBUG)
async def make_layer(request: LayerRequest) -> BuiltLayer:
    if request.carry and files_packer.is_small(request.recipe):
        contents = {file.path: file.content for file in await read_digest(request.sources)}
        layer, blob = files_packer.build_small(request.recipe, contents)
        await create_digest([FileContent("blob", blob)])
        return BuiltLayer(layer, FileDigest(hex_of(layer.descriptor.digest), layer.descriptor.size))
    recipe = await create_digest([FileContent("recipe.json", request.recipe.to_bytes())])
    sources = await add_prefix(request.sources, "sources")
    outputs = ("layer.json", "blob") if request.carry else ("layer.json",)
    result = await perform_step(
        Step(
            argv=(
                "layer", "--recipe=recipe.json", f"--store={STORE}", "--output=layer.json",
                *(("--sources=sources",) if request.sources != EMPTY_DIGEST else ()),
                *(("--blob=blob",) if request.carry else ()),
            ),
            description=f"Make layer {request.title}" + (f" ({readable_size(request.size)})" if request.size else ""),
            input_digest=await merge_digests((recipe, sources)),
            output_files=outputs,
            level=LogLevel.INFO if request.size > _LONG else LogLevel.DEBUG,
        )
    )  # fmt: skip
    written = await read_digest(await subset(result.digest, ["layer.json"]))
    layer = Layer.from_json(json.loads(written[0].content))
    files = {entry.path: entry.file_digest for entry in await list_digest(result.digest)}
    return BuiltLayer(layer, files.get("blob"))


@dataclass(frozen=True)
class LayerBlobRequest:
    """A layer whose bytes are wanted as a file."""

    layer: Layer


@dataclass(frozen=True)
class LayerBlob:
    """A blob in Pants' own file store."""

    blob: FileDigest


@rule(desc="Fetch a layer from the store", level=LogLevel.DEBUG)
async def fetch_blob(request: LayerBlobRequest, subsystem: ModelkilnSubsystem) -> LayerBlob:
    layer = request.layer
    described = await create_digest([FileContent("layer.json", canonical_json(layer.to_json()))])
    result = await perform_step(
        Step(
            argv=("blob", "--layer=layer.json", f"--store={STORE}", "--output=blobs"),
            description=f"Copy layer {layer.title} from the store",
            input_digest=described,
            output_directories=("blobs",),
            tool=fetching_tool([layer.recipe], subsystem),
        )
    )
    return LayerBlob((await list_digest(result.digest))[0].file_digest)


def rules():
    return collect_rules()
