"""Checks of model artifact files, as a build step that is keyed by the files alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from pants.engine.addresses import Address
from pants.engine.fs import AddPrefix, CreateDigest, Digest, FileContent, MergeDigests
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.checks.allowed import Allowed
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
WHERE = "@artifact"
MAY_LACK_ONNX = "--may-lack-onnx"


@dataclass(frozen=True)
class ArtifactCheckRequest:
    """Files to check, at their paths in the artifact. allowed: what their target allows in them.

    pointers: further files, too large for Pants, which go into the store for it. has_onnx: whether a name says that
    one of them is an ONNX model.
    """

    address: Address
    digest: Digest
    allowed: Allowed
    pointers: tuple[PinnedFile, ...] = ()
    has_onnx: bool = False


@dataclass(frozen=True)
class ArtifactFormats:
    """What was found in each file by its path, as pairs, sorted."""

    formats: tuple[tuple[str, FileFormat], ...]


# What this daemon found in files by checking them with others, by their digest and what is allowed in them.
_found: dict[tuple[Digest, Allowed], ArtifactFormats] = {}


def is_checked(request: ArtifactCheckRequest) -> bool:
    """Whether the files are known to be sound, and what they are."""
    return not request.pointers and (request.digest, request.allowed) in _found


def remember(request: ArtifactCheckRequest, findings: list[dict[str, Any]]) -> None:
    """Note what a check of the files has found, which is the same whenever they are checked."""
    _found[request.digest, request.allowed] = _formats_of(findings)


async def _findings_of(step: Step, address: Address) -> list[dict[str, Any]] | None:
    result = (await try_step(step, **implicitly())).result
    if result.exit_code != 0:
        message = result.stderr.decode(errors="replace").strip()
        raise ModelkilnError(message.replace(WHERE, str(address)) or f"{address}: cannot be checked.")
    return json.loads((await get_digest_contents(result.output_digest))[0].content)


@dataclass(frozen=True)
class CheckedLock:
    """Nothing is wrong with the locked files of an artifact that are on this machine."""

    address: Address


@dataclass(frozen=True)
class LockCheckRequest:
    """The files of the `model_artifact` at an address that the text of its lock pins."""

    address: Address
    lock: bytes
    allowed: Allowed


def _formats_of(findings: list[dict[str, Any]]) -> ArtifactFormats:
    return ArtifactFormats(
        tuple(
            (finding["path"], FileFormat.stated(finding["format"], finding["facts"], finding["code"]))
            for finding in findings
        )
    )


async def _check(
    argv: tuple[str, ...], digest: Digest, address: Address, has_onnx: bool, options: ModelkilnSubsystem
) -> list[dict[str, Any]]:
    step = Step(
        argv=argv,
        description=f"Check model artifact {address}",
        input_digest=digest,
        output_files=("findings.json",),
        tool=checks_tool(options),
    )
    findings = None
    if not has_onnx:
        # ONNX's checker is 20 MB to fetch and to install, and most artifacts have no use for it. A model under
        # another name shows by its content.
        findings = await _findings_of(replace(step, argv=(*step.argv, MAY_LACK_ONNX), tool=None), address)
    if findings is None:
        findings = await _findings_of(step, address)
    assert findings is not None
    return findings


async def check_artifact(request: ArtifactCheckRequest, options: ModelkilnSubsystem) -> ArtifactFormats:
    """Check the files by their content; raises ModelkilnError for one that is broken or not allowed."""
    if is_checked(request):
        return _found[request.digest, request.allowed]
    argv = ["check-artifact", "--sources=sources", f"--where={WHERE}", "--output=findings.json"]
    argv += request.allowed.arguments()
    digest = await add_prefix(AddPrefix(request.digest, "sources"))
    if request.pointers:
        argv += ["--pointers=pointers.json", f"--store={STORE}"]
        digest = await merge_digests(
            MergeDigests(
                (digest, await create_digest(CreateDigest([pointers_file(request.address, request.pointers)])))
            )
        )
    return _formats_of(await _check(tuple(argv), digest, request.address, request.has_onnx, options))


@rule(desc="Check a locked model artifact", level=LogLevel.DEBUG)
async def check_locked(request: LockCheckRequest, options: ModelkilnSubsystem) -> CheckedLock:
    """Check those of the files that the store has; the others are checked when they come into it.

    Raises ModelkilnError for one that is broken, not allowed, or of another format than the lock states.
    """
    argv = ("check-artifact", "--lock=lock.json", f"--store={STORE}", f"--where={WHERE}", "--output=findings.json")
    argv += request.allowed.arguments()
    digest = await create_digest(CreateDigest([FileContent("lock.json", request.lock)]))
    has_onnx = b'.onnx"' in request.lock
    await _check(argv, digest, request.address, has_onnx, options)
    return CheckedLock(request.address)


def rules():
    return collect_rules()
