"""The format `pex`: one executable file, or a folder with the wheels apart from the code."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pants.engine.fs import AddPrefix, CreateDigest, Digest, FileContent, MergeDigests
from pants.engine.rules import collect_rules
from pants.engine.unions import UnionRule
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

from pants_modelkiln.compat.calls import add_prefix, create_digest, implicitly, merge_digests, rule
from pants_modelkiln.engine.step import Step, run_step
from pants_modelkiln.engine.tool_install import STORE
from pants_modelkiln.formats.packed_pex import PackedPexRequest, build_packed
from pants_modelkiln.formats.pex_request import PexRequest, own_files
from pants_modelkiln.formats.program import Program, program_of, render_program
from pants_modelkiln.formats.rendering import Rendering, RenderingRequest
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.fields import PACKED, ZIPAPP

_PARTS = "parts"


@dataclass(frozen=True)
class ZipappRequest:
    """The PEX as one file."""

    pex: PexRequest


@dataclass(frozen=True)
class PexHeadRequest:
    """What PEX files have in common that are built of `spec`."""

    spec: FileContent
    title: str


@dataclass(frozen=True)
class PexHead:
    """A Digest of the folder that the engine's step `pex` takes as `--parts`."""

    digest: Digest


@rule(desc="Prepare a PEX", level=LogLevel.DEBUG)
async def build_head(request: PexHeadRequest) -> PexHead:
    """Have Pex write, once for an environment, what no changed line changes."""
    step = Step(
        argv=("pex-parts", f"--spec={request.spec.path}", f"--store={STORE}", f"--output={_PARTS}"),
        description=f"Prepare {request.title}",
        input_digest=await create_digest(CreateDigest([request.spec])),
        output_directories=(_PARTS,),
    )
    return PexHead((await run_step(step, **implicitly())).digest)


@rule(desc="Build a PEX", level=LogLevel.DEBUG)
async def build_zipapp(request: ZipappRequest, options: ModelkilnSubsystem) -> Program:
    """Build the PEX in a step, or into the store where it is large."""
    pex = request.pex
    pex.check(options)
    sources = await add_prefix(AddPrefix(await own_files(pex), "sources"))
    described = await create_digest(CreateDigest([pex.spec()]))
    head = await build_head(PexHeadRequest(pex.spec(has_weights=False), pex.title()), **implicitly())
    # A file of gigabytes would be copied into Pants' own store, out of it, and to dist/ on each run.
    is_stored = pex.size > options.large_blob_limit
    output = ("--stored", "stored.json") if is_stored else ("--output", pex.file_name)
    step = Step(
        argv=("pex", "--spec=spec.json", "--sources=sources", f"--parts={_PARTS}", f"--store={STORE}", *output),
        description=f"Build {pex.title()}",
        input_digest=await merge_digests(MergeDigests((sources, described, head.digest))),
        output_files=output[1:],
        tool=pex.tool(options),
        level=LogLevel.INFO if is_stored else LogLevel.DEBUG,
    )
    return await program_of(step, pex.file_name, is_stored)


def layout_of(request: PexRequest, options: ModelkilnSubsystem) -> str:
    """The layout that the target asks for, else the one for a PEX of its size."""
    return request.inputs.layout or (PACKED if request.size > options.large_blob_limit else ZIPAPP)


async def build_pex(request: PexRequest, options: ModelkilnSubsystem) -> Program:
    """Build the PEX in its layout."""
    if layout_of(request, options) == PACKED:
        return await build_packed(PackedPexRequest(request), **implicitly())
    return await build_zipapp(ZipappRequest(request), **implicitly())


@dataclass(frozen=True)
class PexRenderingRequest(RenderingRequest):
    """The format `pex` in `dist/`."""

    format = "pex"
    ending = "pex"


@rule(level=LogLevel.DEBUG)
async def render_pex(
    request: PexRenderingRequest, options: ModelkilnSubsystem, global_options: GlobalOptions
) -> Rendering:
    """Write the PEX."""
    pex = PexRequest(request.inputs, os.path.basename(request.path))
    what = "PEX, a folder" if layout_of(pex, options) == PACKED else "PEX"
    return await render_program(await build_pex(pex, options), request.path, what, global_options)


def rules():
    return [*collect_rules(), UnionRule(RenderingRequest, PexRenderingRequest)]
