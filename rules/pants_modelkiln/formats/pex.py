"""The format `pex`: one executable file."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pants.core.goals.package import BuiltPackageArtifact
from pants.engine.fs import Digest, FileContent
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from pants_modelkiln.api import add_prefix, create_digest, list_digest, merge_digests
from pants_modelkiln.formats.rendering import Rendering, RenderingRequest, readable_size
from pants_modelkiln.inputs import PackageInputs
from pants_modelkiln.tool import STORE, Step, perform_step


@dataclass(frozen=True)
class PexFileRequest:
    """A PEX of a package, called `file_name`."""

    inputs: PackageInputs
    file_name: str


@dataclass(frozen=True)
class PexFile:
    """A Digest with the PEX at its file name."""

    digest: Digest


def pex_file(inputs: PackageInputs, file_name: str) -> Get:
    """PexFile of a package."""
    return Get(PexFile, PexFileRequest(inputs, file_name))


@rule(desc="Build a PEX", level=LogLevel.DEBUG)
async def build_pex_file(request: PexFileRequest) -> PexFile:
    inputs = request.inputs
    spec = {
        "wheels": inputs.environment.to_json(),
        "python": inputs.target.python,
        "platform": inputs.target.platform,
        "glibc": inputs.target.glibc,
        "entry_point": "modelkiln.runtime.cli:main",
    }
    record = await create_digest([FileContent(".modelkiln/package.json", inputs.record)])
    bundled = inputs.artifacts if inputs.record_json["weights"] == "bundled" else ()
    models = await merge_digests(artifact.digest for artifact in bundled)
    models = await add_prefix(models, ".modelkiln/models")
    sources = await merge_digests((inputs.code.digest, record, models))
    sources = await add_prefix(sources, "sources")
    described = await create_digest([FileContent("spec.json", canonical_json(spec))])
    result = await perform_step(
        Step(
            argv=(
                "pex", "--spec=spec.json", "--sources=sources", f"--store={STORE}",
                f"--output={request.file_name}",
            ),
            description=f"Build PEX of {inputs.address}",
            input_digest=await merge_digests((sources, described)),
            output_files=(request.file_name,),
        )
    )  # fmt: skip
    return PexFile(result.digest)


@dataclass(frozen=True)
class PexRenderingRequest(RenderingRequest):
    """The format `pex` in `dist/`."""

    format = "pex"
    ending = "pex"


@rule(level=LogLevel.DEBUG)
async def render_pex(request: PexRenderingRequest) -> Rendering:
    folder, name = os.path.split(request.path)
    built = await pex_file(request.inputs, name)
    entry = (await list_digest(built.digest))[0].file_digest
    size = entry.serialized_bytes_length
    facts = {"path": name, "sha256": entry.fingerprint, "size": size}
    return Rendering(
        digest=await add_prefix(built.digest, folder),
        facts=canonical_json(facts).decode(),
        layers=(),
        artifact=BuiltPackageArtifact(request.path, (f"  PEX, {readable_size(size)}",)),
    )


def rules():
    return [*collect_rules(), UnionRule(RenderingRequest, PexRenderingRequest)]
