"""The format `wheel`: a Python distribution that applications import."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from pants.engine.fs import AddPrefix, CreateDigest, Digest, FileContent, FileEntry, MergeDigests
from pants.engine.rules import collect_rules
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from modelkiln.attestation.sbom.bom import WHEEL
from modelkiln.canonical import canonical_json
from modelkiln.conventions import PEX_MODELS, RECORD_PATH, SBOM_NAME
from modelkiln.errors import ModelkilnError
from modelkiln.formats.model_wheel import SMALL_BYTES, small_model_wheel
from modelkiln.frozen_json import FrozenJson
from modelkiln.package.model_wheel import code_folder, wheel_filename, wheel_stem
from modelkiln.runtime.weights.lock import LOCK_PATH
from modelkiln.runtime.weights.progress import readable_size
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
from pants_modelkiln.engine.tool import fetching_tool
from pants_modelkiln.engine.tool_install import STORE
from pants_modelkiln.formats.rendering import Rendering, RenderingRequest
from pants_modelkiln.inputs.artifact import Artifact
from pants_modelkiln.package.bom import write_bom
from pants_modelkiln.package.inputs import PackageInputs
from pants_modelkiln.subsystem import ModelkilnSubsystem


@dataclass(frozen=True)
class ModelWheelRequest:
    """The wheel of a package."""

    inputs: PackageInputs


@dataclass(frozen=True)
class ModelWheelFile:
    """A wheel of `size` bytes with the hex digest `sha256`; digest: holds it, at its file name."""

    digest: Digest
    file_name: str
    sha256: str
    size: int


def bundled_artifacts(inputs: PackageInputs) -> tuple[Artifact, ...]:
    """The artifacts whose files are in the wheel."""
    is_bundled = inputs.record["weights"] == "bundled" and not (inputs.wheel and inputs.wheel.weights_lock)
    return inputs.artifacts if is_bundled else ()


async def _lay_out(inputs: PackageInputs, import_name: str) -> Digest:
    """The wheel's files, but for those that the store has and what metadata installers read."""
    assert inputs.wheel is not None
    lock = inputs.weights_lock or inputs.wheel.weights_lock
    described = [FileContent(RECORD_PATH, inputs.record.to_bytes()), *([FileContent(LOCK_PATH, lock)] if lock else [])]
    models = await merge_digests(MergeDigests(artifact.digest for artifact in bundled_artifacts(inputs)))
    models = await add_prefix(AddPrefix(models, PEX_MODELS))
    own = await merge_digests(MergeDigests((inputs.code.digest, await create_digest(CreateDigest(described)), models)))
    own = await add_prefix(AddPrefix(own, code_folder(import_name)))
    bom = await write_bom(inputs, WHEEL)
    place = f"{wheel_stem(inputs.wheel.described)}.dist-info/sboms/{SBOM_NAME}"
    top = await create_digest(CreateDigest([*inputs.wheel.loader, FileContent(place, bom)]))
    return await merge_digests(MergeDigests((own, top)))


async def _is_small(sources: Digest) -> bool:
    entries = await get_digest_entries(sources)
    files = [entry for entry in entries if isinstance(entry, FileEntry)]
    # Links are refused by the step.
    return len(files) == len(entries) and sum(file.file_digest.serialized_bytes_length for file in files) <= SMALL_BYTES


@rule(desc="Build a model's wheel", level=LogLevel.DEBUG)
async def build_model_wheel(request: ModelWheelRequest, options: ModelkilnSubsystem) -> ModelWheelFile:
    """Build the wheel in a step, or right here where it is small."""
    inputs = request.inputs
    if inputs.wheel is None:
        raise ModelkilnError(f'{inputs.address}: "wheel" is not among its `formats`.')
    file_name = wheel_filename(inputs.wheel.described)
    recipes = [layer.recipe for artifact in bundled_artifacts(inputs) for layer in artifact.layers if layer.recipe]
    laid_out = await _lay_out(inputs, inputs.wheel.described["import_name"])
    if not recipes and await _is_small(laid_out):
        contents = {file.path: file.content for file in await get_digest_contents(laid_out)}
        data = small_model_wheel(inputs.record, contents)
        digest = await create_digest(CreateDigest([FileContent(file_name, data)]))
        return ModelWheelFile(digest, file_name, hashlib.sha256(data).hexdigest(), len(data))
    files = [
        FileContent("record.json", inputs.record.to_bytes()),
        FileContent("weights.json", canonical_json([recipe.to_json() for recipe in recipes])),
    ]
    sources = await add_prefix(AddPrefix(laid_out, "sources"))
    step = Step(
        argv=(
            "model-wheel", "--record=record.json", "--weights=weights.json", "--sources=sources",
            f"--store={STORE}", f"--output={file_name}",
        ),
        description=f"Build wheel of {inputs.address}",
        input_digest=await merge_digests(MergeDigests((sources, await create_digest(CreateDigest(files))))),
        output_files=(file_name,),
        tool=fetching_tool(recipes, options),
    )  # fmt: skip
    result = await run_step(step, **implicitly())
    file = (await get_digest_entries(result.digest))[0].file_digest
    return ModelWheelFile(result.digest, file_name, file.fingerprint, file.serialized_bytes_length)


@dataclass(frozen=True)
class ModelWheelRenderingRequest(RenderingRequest):
    """The format `wheel` in `dist/`."""

    format = "wheel"
    ending = "whl"


@rule(level=LogLevel.DEBUG)
async def render_model_wheel(request: ModelWheelRenderingRequest) -> Rendering:
    """Write the wheel; installers go by its file name, which is therefore not the target's."""
    built = await build_model_wheel(ModelWheelRequest(request.inputs), **implicitly())
    folder = os.path.dirname(request.path)
    lock = request.inputs.record["wheel"]["weights_lock"] or request.inputs.weights_lock
    note = ", weights are fetched at the first load()" if lock else ""
    return Rendering(
        digest=await add_prefix(AddPrefix(built.digest, folder)),
        facts=FrozenJson.of({"path": built.file_name, "sha256": built.sha256, "size": built.size}),
        layers=(),
        artifact=KnownArtifact(
            os.path.join(folder, built.file_name), (f"  wheel, {readable_size(built.size)}{note}",), ()
        ),
    )


def rules():
    return [*collect_rules(), UnionRule(RenderingRequest, ModelWheelRenderingRequest)]
