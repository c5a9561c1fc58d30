"""Layers as processes: one for each recipe, for all of its users; small ones need none."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import Iterable

from pants.engine.fs import (
    EMPTY_DIGEST,
    AddPrefix,
    CreateDigest,
    Digest,
    DigestSubset,
    FileContent,
    FileDigest,
    MergeDigests,
    PathGlobs,
)
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.digest import hex_of
from modelkiln.layer import Layer
from modelkiln.layers import files as files_packer
from modelkiln.recipe import Recipe
from modelkiln.runtime.weights.progress import readable_size
from pants_modelkiln.compat.calls import (
    add_prefix,
    concurrently,
    create_digest,
    digest_subset_to_digest,
    get_digest_contents,
    get_digest_entries,
    implicitly,
    merge_digests,
    rule,
)
from pants_modelkiln.engine.step import Step, run_step
from pants_modelkiln.engine.tool import fetching_tool
from pants_modelkiln.engine.tool_install import STORE
from pants_modelkiln.subsystem import ModelkilnSubsystem

logger = logging.getLogger(__name__)

# Whatever reads more bytes than this takes two seconds or more.
LONG = 200_000_000


@dataclass(frozen=True)
class LayerRequest:
    """A layer to make. `sources` holds a files recipe's files.

    size: about so many bytes go into it, where that is known. is_downloaded: whether all of them come from the network.
    inline_blob: whether Pants takes the blob as well, for layers that are small and have no recipe
    that could be followed elsewhere. The smallest of them are packed right here. notice: what to log where it is made,
    which is once: not where it was made before.
    """

    recipe: Recipe
    title: str
    sources: Digest = EMPTY_DIGEST
    inline_blob: bool = False
    size: int = 0
    is_downloaded: bool = False
    notice: str = field(default="", compare=False)


@dataclass(frozen=True)
class BuiltLayer:
    """A layer, and its blob in Pants' own file store when Pants carries it."""

    layer: Layer
    blob: FileDigest | None


@rule(desc="Make a layer", level=LogLevel.DEBUG)
async def make_layer(request: LayerRequest) -> BuiltLayer:
    """Make the layer in the store by a step."""
    recipe = await create_digest(CreateDigest([FileContent("recipe.json", request.recipe.to_bytes())]))
    sources = await add_prefix(AddPrefix(request.sources, "sources"))
    outputs = ("layer.json", "blob") if request.inline_blob else ("layer.json",)
    result = await run_step(Step(
            argv=(
                "layer", "--recipe=recipe.json", f"--store={STORE}", "--output=layer.json",
                *(("--sources=sources",) if request.sources != EMPTY_DIGEST else ()),
                *(("--blob=blob",) if request.inline_blob else ()),
            ),
            description=f"Make layer {request.title}" + (f" ({readable_size(request.size)})" if request.size else ""),
            input_digest=await merge_digests(MergeDigests((recipe, sources))),
            output_files=outputs,
            level=LogLevel.INFO if request.size > LONG or request.is_downloaded else LogLevel.DEBUG,
        ), **implicitly())  # fmt: skip
    if request.notice and result.has_run:
        logger.info(request.notice)
    written = await get_digest_contents(
        await digest_subset_to_digest(DigestSubset(result.digest, PathGlobs(["layer.json"])))
    )
    layer = Layer.from_json(json.loads(written[0].content))
    files = {entry.path: entry.file_digest for entry in await get_digest_entries(result.digest)}
    return BuiltLayer(layer, files.get("blob"))


async def _make_small(request: LayerRequest) -> BuiltLayer:
    contents = {file.path: file.content for file in await get_digest_contents(request.sources)}
    layer, blob = files_packer.build_small(request.recipe, contents)
    await create_digest(CreateDigest([FileContent("blob", blob)]))
    return BuiltLayer(layer, FileDigest(hex_of(layer.descriptor.digest), layer.descriptor.size))


async def make_layers(requests: Iterable[LayerRequest]) -> tuple[BuiltLayer, ...]:
    """All of the layers, at once. Those that are small and whose blobs Pants takes are made right here: a rule for each
    of them costs more than they do, then and whenever Pants asks itself whether it has to make them again."""
    asked = list(requests)
    small = {one for one in asked if one.inline_blob and files_packer.is_small(one.recipe)}
    large = [one for one in asked if one not in small]
    made = dict(zip(large, await concurrently(make_layer(one, **implicitly()) for one in large)))
    made.update(zip(small, await concurrently(_make_small(one) for one in small)))
    return tuple(made[one] for one in asked)


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
    """Copy the blob out of the store, which makes it again where it was lost."""
    layer = request.layer
    described = await create_digest(CreateDigest([FileContent("layer.json", canonical_json(layer.to_json()))]))
    result = await run_step(
        Step(
            argv=("blob", "--layer=layer.json", f"--store={STORE}", "--output=blobs"),
            description=f"Copy layer {layer.title} from the store",
            input_digest=described,
            output_directories=("blobs",),
            tool=fetching_tool([layer.recipe], subsystem),
        ),
        **implicitly(),
    )
    return LayerBlob((await get_digest_entries(result.digest))[0].file_digest)


def rules():
    return collect_rules()
