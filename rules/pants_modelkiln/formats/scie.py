"""The format `scie`: the PEX and a CPython of its own in one program."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pants.engine.fs import CreateDigest, FileContent, MergeDigests
from pants.engine.rules import collect_rules
from pants.engine.unions import UnionRule
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from pants_modelkiln.compat.calls import create_digest, implicitly, merge_digests, rule
from pants_modelkiln.engine.step import Step
from pants_modelkiln.engine.tool import scie_tool
from pants_modelkiln.engine.tool_install import STORE
from pants_modelkiln.formats.pex import ZipappRequest, build_zipapp
from pants_modelkiln.formats.pex_request import PexRequest
from pants_modelkiln.formats.program import Program, program_in_sandbox, program_of, render_program
from pants_modelkiln.formats.rendering import Rendering, RenderingRequest
from pants_modelkiln.package.inputs import PackageInputs
from pants_modelkiln.subsystem import ModelkilnSubsystem


@dataclass(frozen=True)
class ScieFileRequest:
    """The program of a package, called `file_name`."""

    inputs: PackageInputs
    file_name: str


@rule(desc="Build a program with its interpreter", level=LogLevel.DEBUG)
async def build_scie_file(request: ScieFileRequest, options: ModelkilnSubsystem) -> Program:
    """Embed the locked interpreter into the package's PEX."""
    inputs = request.inputs
    if inputs.interpreter is None:
        raise ModelkilnError(f'{inputs.address}: "scie" is not among its `formats`.')
    # The application inside is called as the package, in every variant and wherever it goes.
    name = f"{inputs.record['name']}.pex"
    pex = await build_zipapp(ZipappRequest(PexRequest(inputs, name)), **implicitly())
    lock = await create_digest(CreateDigest([FileContent("interpreter.json", inputs.interpreter.to_text().encode())]))
    size = pex.size + sum(asset.size for asset in inputs.interpreter.assets)
    is_stored = size > options.large_blob_limit
    output = ("--stored", "stored.json") if is_stored else ("--output", request.file_name)
    step = Step(
        argv=(
            "scie", f"--pex={name}", "--interpreter=interpreter.json", f"--platform={inputs.target.platform}",
            f"--store={STORE}", *output,
        ),
        description=f"Embed CPython {inputs.interpreter.python} for {inputs.address}",
        input_digest=await merge_digests(MergeDigests((await program_in_sandbox(pex), lock))),
        output_files=output[1:],
        tool=scie_tool(),
    )  # fmt: skip
    return await program_of(step, request.file_name, is_stored)


@dataclass(frozen=True)
class ScieRenderingRequest(RenderingRequest):
    """The format `scie` in `dist/`."""

    format = "scie"
    ending = "scie"


@rule(level=LogLevel.DEBUG)
async def render_scie(request: ScieRenderingRequest, global_options: GlobalOptions) -> Rendering:
    """Write the program."""
    built = await build_scie_file(ScieFileRequest(request.inputs, os.path.basename(request.path)), **implicitly())
    assert request.inputs.interpreter is not None
    what = f"program with CPython {request.inputs.interpreter.python}"
    return await render_program(built, request.path, what, global_options)


def rules():
    return [*collect_rules(), UnionRule(RenderingRequest, ScieRenderingRequest)]
