"""The format `pex`: one executable file."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from pants.core.goals.package import BuiltPackageArtifact
from pants.engine.fs import Digest, FileContent
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.errors import ModelkilnError
from modelkiln.runtime.weights_lock import LOCK_PATH
from pants_modelkiln.api import add_prefix, create_digest, list_digest, merge_digests
from pants_modelkiln.formats.rendering import Rendering, RenderingRequest, readable_size
from pants_modelkiln.inputs import PackageInputs
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.tool import STORE, Step, client_tool, perform_step


@dataclass(frozen=True)
class PexFileRequest:
    """A PEX of a package, called `file_name`. has_models: whether the model artifacts are in it."""

    inputs: PackageInputs
    file_name: str
    has_models: bool


@dataclass(frozen=True)
class PexFile:
    """A Digest with the PEX at its file name."""

    digest: Digest


def pex_file(inputs: PackageInputs, file_name: str, has_models: bool = True) -> Get:
    """PexFile of a package."""
    return Get(PexFile, PexFileRequest(inputs, file_name, has_models))


@rule(desc="Build a PEX", level=LogLevel.DEBUG)
async def build_pex_file(request: PexFileRequest, options: ModelkilnSubsystem) -> PexFile:
    inputs = request.inputs
    has_models = request.has_models and inputs.record_json["weights"] == "bundled"
    artifacts = inputs.artifacts if has_models else ()
    _refuse_large(inputs, sum(artifact.size for artifact in artifacts), options.large_blob_limit)
    spec = {
        "wheels": inputs.environment.to_json(),
        "python": inputs.target.python,
        "platform": inputs.target.platform,
        "glibc": inputs.target.glibc,
        "entry_point": "modelkiln.runtime.cli:main",
        # Of locked artifacts: the files come from the store.
        "weights": [json.loads(layer.recipe) for artifact in artifacts for layer in artifact.layers],
    }
    clients = [client_tool(recipe["source"]["uri"], options) for recipe in spec["weights"]]
    in_package = [FileContent(".modelkiln/package.json", inputs.record)]
    if inputs.weights_lock:
        in_package.append(FileContent(LOCK_PATH, inputs.weights_lock))
    record = await create_digest(in_package)
    models = await merge_digests(artifact.digest for artifact in artifacts)
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
            tool=next(filter(None, clients), None),
        )
    )  # fmt: skip
    return PexFile(result.digest)


def _refuse_large(inputs: PackageInputs, size: int, limit: int) -> None:
    if size > limit:
        raise ModelkilnError(
            f"{inputs.address}: its model artifacts have {readable_size(size)}, and a PEX bundles at most "
            f'{readable_size(limit)}. Leave them out of the package with weights="sidecar" (files at a mount point) '
            'or weights="lazy" (fetched at start), or leave "pex" out of `formats`. (The limit is '
            "[modelkiln].large_blob_limit.)"
        )


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
