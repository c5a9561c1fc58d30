"""The format `pex`: one executable file."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace

from pants.engine.fs import AddPrefix, CreateDigest, Digest, FileContent, MergeDigests, SymlinkEntry
from pants.engine.internals.session import RunId
from pants.engine.process import ProcessCacheScope
from pants.engine.rules import collect_rules
from pants.engine.unions import UnionRule
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

from modelkiln.attestation.sbom.bom import PROGRAM
from modelkiln.canonical import canonical_json
from modelkiln.conventions import PEX_MODELS, PEX_SBOM, RECORD_PATH
from modelkiln.digest import hex_of
from modelkiln.ensemble.environments import refuse_several
from modelkiln.frozen_json import FrozenJson
from modelkiln.runtime.weights.lock import LOCK_PATH
from modelkiln.runtime.weights.progress import readable_size
from modelkiln.store.store import blob_path
from modelkiln.store.users import keep_for_run
from pants_modelkiln.compat.calls import (
    add_prefix,
    create_digest,
    get_digest_contents,
    get_digest_entries,
    implicitly,
    merge_digests,
    rule,
)
from pants_modelkiln.compat.known_artifact import KnownArtifact
from pants_modelkiln.engine.step import Step, run_step
from pants_modelkiln.engine.tool import fetching_tool, machine_store
from pants_modelkiln.engine.tool_install import STORE
from pants_modelkiln.formats.rendering import STORE_BLOBS, Rendering, RenderingRequest, blob_link, store_link
from pants_modelkiln.package.bom import BomRequest, write_bom
from pants_modelkiln.package.inputs import PackageInputs, refuse_large_program
from pants_modelkiln.subsystem import ModelkilnSubsystem

_ONE_ENVIRONMENT = (
    'A PEX has one environment, and so has what `pants run` starts; an image has several: leave "pex" out of `formats`.'
)


@dataclass(frozen=True)
class PexFileRequest:
    """A PEX of a package, called `file_name`. has_models: whether the model artifacts are in it."""

    inputs: PackageInputs
    file_name: str
    has_models: bool = True


@dataclass(frozen=True)
class PexFile:
    """A PEX of `size` bytes with the hex digest `sha256`.

    digest: holds it at its file name, for a build step; one that is large is a link into the
    store, as steps see it.
    """

    digest: Digest
    sha256: str
    size: int
    is_stored: bool


@dataclass(frozen=True)
class StoredProgramRequest:
    """A program of `size` bytes that `step` has put into the store as the blob `digest`."""

    step: Step
    digest: str
    size: int


@dataclass(frozen=True)
class StoredProgram:
    """The program is in this machine's store, for as long as this run of Pants."""

    digest: str


@rule(level=LogLevel.DEBUG)
async def keep_program(request: StoredProgramRequest, run_id: RunId, global_options: GlobalOptions) -> StoredProgram:
    """Look for the program, again in each run: it may be made on another machine, whose result a remote cache held,
    or be removed from the store since. Then it is made again."""
    if not keep_for_run(machine_store(global_options), blob_path(request.digest), request.size):
        await run_step(replace(request.step, cache_scope=ProcessCacheScope.PER_SESSION), **implicitly())
    return StoredProgram(request.digest)


async def program_of(step: Step, file_name: str, is_stored: bool) -> PexFile:
    """What a step made: its output file, or the blob that its output file names."""
    result = await run_step(step, **implicitly())
    if not is_stored:
        file = (await get_digest_entries(result.digest))[0].file_digest
        return PexFile(result.digest, file.fingerprint, file.serialized_bytes_length, False)
    blob = json.loads((await get_digest_contents(result.digest))[0].content)
    digest, size = blob["digest"], blob["size"]
    await keep_program(StoredProgramRequest(step, digest, size), **implicitly())
    link = SymlinkEntry(file_name, f"{STORE}/{blob_path(digest)}")
    return PexFile(await create_digest(CreateDigest([link])), hex_of(digest), size, True)


@rule(desc="Build a PEX", level=LogLevel.DEBUG)
async def build_pex_file(request: PexFileRequest, options: ModelkilnSubsystem) -> PexFile:
    """Build the PEX in a step, or into the store where it is large."""
    inputs = request.inputs
    others = {path: one.to_json() for path, one in inputs.environment.others}
    refuse_several(str(inputs.address), inputs.environment.to_json(), others, _ONE_ENVIRONMENT)
    has_models = request.has_models and inputs.record["weights"] == "bundled"
    artifacts = inputs.artifacts if has_models else ()
    refuse_large_program(inputs.address, sum(artifact.size for artifact in artifacts), options.large_blob_limit)
    wheels = inputs.environment.to_json()
    # Of locked artifacts: the files come from the store.
    weights = [layer.recipe for artifact in artifacts for layer in artifact.layers if layer.recipe]
    spec = {
        "wheels": wheels,
        **inputs.target.to_json(),
        "entry_point": "modelkiln.runtime.cli:main",
        "weights": [recipe.to_json() for recipe in weights],
        **({"provided": names} if (names := [one["name"] for one in inputs.record.get("provided") or ()]) else {}),
    }
    bom = await write_bom(BomRequest(inputs, PROGRAM), **implicitly())
    in_package = [FileContent(RECORD_PATH, inputs.record.to_bytes()), FileContent(PEX_SBOM, bom.content)]
    if inputs.weights_lock:
        in_package.append(FileContent(LOCK_PATH, inputs.weights_lock))
    record = await create_digest(CreateDigest(in_package))
    models = await merge_digests(MergeDigests(artifact.digest for artifact in artifacts))
    models = await add_prefix(AddPrefix(models, PEX_MODELS))
    sources = await merge_digests(MergeDigests((inputs.code.digest, record, models)))
    sources = await add_prefix(AddPrefix(sources, "sources"))
    described = await create_digest(CreateDigest([FileContent("spec.json", canonical_json(spec))]))
    # A PEX of gigabytes would be copied into Pants' own store, out of it, and to dist/ on each run.
    size = sum(wheel["size"] for wheel in wheels) + sum(artifact.size for artifact in artifacts)
    is_stored = size > options.large_blob_limit
    output = ("--stored", "stored.json") if is_stored else ("--output", request.file_name)
    step = Step(
        argv=("pex", "--spec=spec.json", "--sources=sources", f"--store={STORE}", *output),
        description=f"Build PEX of {inputs.address} ({readable_size(size)})",
        input_digest=await merge_digests(MergeDigests((sources, described))),
        output_files=output[1:],
        tool=fetching_tool((layer.recipe for artifact in artifacts for layer in artifact.layers), options),
        level=LogLevel.INFO if is_stored else LogLevel.DEBUG,
    )
    return await program_of(step, request.file_name, is_stored)


@dataclass(frozen=True)
class PexRenderingRequest(RenderingRequest):
    """The format `pex` in `dist/`."""

    format = "pex"
    ending = "pex"


async def render_program(built: PexFile, path: str, what: str, global_options: GlobalOptions) -> Rendering:
    """Rendering of an executable file at `path` of dist/; what: a word for people."""
    folder, name = os.path.split(path)
    lines = [f"  {what}, {readable_size(built.size)}"]
    digest = await add_prefix(AddPrefix(built.digest, folder))
    if built.is_stored:
        store = machine_store(global_options).absolute()
        digest = await create_digest(CreateDigest([store_link(store), blob_link(path, f"sha256:{built.sha256}")]))
        lines.append("  in the store, dist/ links to it (`cp -L` makes a file of it)")
    return Rendering(
        digest=digest,
        facts=FrozenJson.of({"path": name, "sha256": built.sha256, "size": built.size}),
        layers=(),
        artifact=KnownArtifact(path, tuple(lines), (STORE_BLOBS,) if built.is_stored else ()),
    )


@rule(level=LogLevel.DEBUG)
async def render_pex(request: PexRenderingRequest, global_options: GlobalOptions) -> Rendering:
    """Write the PEX."""
    built = await build_pex_file(PexFileRequest(request.inputs, os.path.basename(request.path)), **implicitly())
    return await render_program(built, request.path, "PEX", global_options)


def rules():
    return [*collect_rules(), UnionRule(RenderingRequest, PexRenderingRequest)]
