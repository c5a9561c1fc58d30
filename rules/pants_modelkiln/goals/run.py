"""`pants run`: a package started on this machine."""

from __future__ import annotations

import logging

from pants.core.goals.run import RunRequest
from pants.engine.fs import AddPrefix, CreateDigest, FileContent, MergeDigests
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.errors import ModelkilnError
from modelkiln.runtime.weights.progress import readable_size
from modelkiln.wheels.platforms import why_not_here
from modelkiln.wording import counted
from pants_modelkiln.compat.calls import add_prefix, create_digest, implicitly, merge_digests, rule
from pants_modelkiln.engine.machine_python import MachinePythonRequest, find_python
from pants_modelkiln.engine.step import Step, prepare_step
from pants_modelkiln.engine.tool import fetching_tool
from pants_modelkiln.engine.tool_install import STORE
from pants_modelkiln.formats.pex import build_pex
from pants_modelkiln.formats.pex_request import PexRequest
from pants_modelkiln.formats.program import program_in_sandbox
from pants_modelkiln.package.ensemble import resolve_inputs
from pants_modelkiln.package.field_set import ModelPackageFieldSet
from pants_modelkiln.package.inputs import PackageInputs
from pants_modelkiln.subsystem import ModelkilnSubsystem

logger = logging.getLogger(__name__)

# A step finds everything from its own folder, and people's paths are relative to theirs.
_FROM_CHROOT = 'MODELKILN_FOLDER="$PWD"; export MODELKILN_FOLDER; cd "$0" && exec "$@"'


@rule(desc="Prepare to run a packaged model", level=LogLevel.DEBUG)
async def run_model(field_set: ModelPackageFieldSet, options: ModelkilnSubsystem) -> RunRequest:
    """Run the package as a PEX, with its weights packed in or linked next to it."""
    # As a PEX, also where the package is rendered as an image alone: it is made of the same
    # files, has the same package digest, and needs nothing of the host but Python.
    inputs = await resolve_inputs(field_set)
    _check_starts_here(inputs)
    size = sum(artifact.size for artifact in inputs.artifacts)
    is_whole = inputs.record["weights"] == "lazy" or size <= options.large_blob_limit
    is_whole = is_whole and inputs.record["weights"] != "sidecar"
    built = await build_pex(PexRequest(inputs, "package.pex", is_whole), options)
    pex = await program_in_sandbox(built)
    purpose = f"{inputs.address}: its PEX"
    python = await find_python(MachinePythonRequest.of(inputs.target.python, purpose), **implicitly())
    wheels = inputs.environment.wheels
    # Pex does it without a word. This rule runs when something has changed, and so does that.
    logger.info(
        f"{inputs.address}: a PEX installs its wheels when it is first started "
        f"({counted(len(wheels), 'wheel')}, {readable_size(sum(wheel.size for wheel in wheels))})"
    )
    if is_whole:
        return RunRequest(
            digest=pex,
            args=(python.path, "{chroot}/package.pex"),
            append_only_caches={"modelkiln": STORE} if built.links else None,
        )
    # Large weights stay where they are, and the engine links them into a folder next to the PEX.
    layers = [layer.to_json() for artifact in inputs.artifacts for layer in artifact.layers]
    models = await merge_digests(MergeDigests(artifact.digest for artifact in inputs.artifacts))
    files = (
        pex,
        await create_digest(CreateDigest([FileContent("layers.json", canonical_json(layers))])),
        await add_prefix(AddPrefix(models, "models")),
    )
    options_of_step = (
        "--pex={chroot}/package.pex", f"--python={python.path}", "--layers={chroot}/layers.json",
        "--models={chroot}/models", f"--store={{chroot}}/{STORE}", "--",
    )  # fmt: skip
    tool = fetching_tool((layer.recipe for artifact in inputs.artifacts for layer in artifact.layers), options)
    step = Step(
        ("run-pex", *options_of_step), f"Run {inputs.address}", await merge_digests(MergeDigests(files)), tool=tool
    )
    process = (await prepare_step(step, **implicitly())).process
    return RunRequest(
        digest=process.input_digest,
        args=("/bin/sh", "-c", _FROM_CHROOT, "{chroot}", *process.argv),
        extra_env=process.env,
        immutable_input_digests=process.immutable_input_digests,
        append_only_caches=process.append_only_caches,
    )


def _check_starts_here(inputs: PackageInputs) -> None:
    reason = why_not_here(wheel.filename for wheel in inputs.environment.wheels)
    if reason:
        raise ModelkilnError(f"{inputs.address}: its PEX cannot start here: {reason}")


def rules():
    return collect_rules()
