"""Checks of model artifact files, as a build step that is keyed by the files alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from pants.engine.addresses import Address
from pants.engine.fs import AddPrefix, CreateDigest, Digest, MergeDigests
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from modelkiln.pinned_file import PinnedFile
from pants_modelkiln.compat.calls import add_prefix, create_digest, get_digest_contents, implicitly, merge_digests, rule
from pants_modelkiln.engine.step import Step, try_step
from pants_modelkiln.engine.tool import checks_tool
from pants_modelkiln.engine.tool_install import STORE
from pants_modelkiln.inputs.file_format import FileFormat
from pants_modelkiln.inputs.lfs_pointers import pointers_file
from pants_modelkiln.subsystem import ModelkilnSubsystem

# Stands for the address in the step's messages: equal files of two targets are one process.
_ADDRESS = "@artifact"


@dataclass(frozen=True)
class ArtifactCheckRequest:
    """Files to check, at their paths in the artifact. allow_pickle: None where pickles are refused.

    pointers: further files, too large for Pants, which go into the store for it. has_onnx: whether a name says that
    one of them is an ONNX model.
    """

    address: Address
    digest: Digest
    allow_pickle: tuple[str, ...] | None
    pointers: tuple[PinnedFile, ...] = ()
    has_onnx: bool = False


@dataclass(frozen=True)
class ArtifactFormats:
    """What was found in each file by its path, as pairs, sorted."""

    formats: tuple[tuple[str, FileFormat], ...]


async def _findings_of(step: Step, address: Address) -> list[dict[str, Any]] | None:
    result = (await try_step(step, **implicitly())).result
    if result.exit_code != 0:
        message = result.stderr.decode(errors="replace").strip()
        raise ModelkilnError(message.replace(_ADDRESS, str(address)) or f"{address}: cannot be checked.")
    return json.loads((await get_digest_contents(result.output_digest))[0].content)


@rule(desc="Check a model artifact", level=LogLevel.DEBUG)
async def check_artifact(request: ArtifactCheckRequest, options: ModelkilnSubsystem) -> ArtifactFormats:
    """Check the files by their content; raises ModelkilnError for one that is broken or not allowed."""
    argv = ["check-artifact", "--sources=sources", f"--where={_ADDRESS}", "--output=findings.json"]
    if request.allow_pickle is not None:
        argv += ["--pickles", *(f"--allow-pickle={name}" for name in request.allow_pickle)]
    digest = await add_prefix(AddPrefix(request.digest, "sources"))
    if request.pointers:
        argv += ["--pointers=pointers.json", f"--store={STORE}"]
        digest = await merge_digests(
            MergeDigests(
                (digest, await create_digest(CreateDigest([pointers_file(request.address, request.pointers)])))
            )
        )
    step = Step(
        argv=tuple(argv),
        description=f"Check model artifact {request.address}",
        input_digest=digest,
        output_files=("findings.json",),
        tool=checks_tool(options),
    )
    findings = None
    if not request.has_onnx:
        # ONNX's checker is 20 MB to fetch and to install, and most artifacts have no use for it. A model under
        # another name shows by its content.
        findings = await _findings_of(replace(step, argv=(*step.argv, "--may-lack-onnx"), tool=None), request.address)
    if findings is None:
        findings = await _findings_of(step, request.address)
    assert findings is not None
    return ArtifactFormats(
        tuple((finding["path"], FileFormat.stated(finding["format"], finding["facts"])) for finding in findings)
    )


def rules():
    return collect_rules()
