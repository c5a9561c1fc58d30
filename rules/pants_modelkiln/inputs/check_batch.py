"""Checks of many model artifacts by few processes: what one finds in a millisecond it takes longest to start for.

A batch answers for those of its artifacts that are sound. What is not is checked again on its own, as is what no batch
has: so a batch changes what it costs, and nothing of what is found or reported.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Iterable

from pants.core.goals.package import BuiltPackage, PackageFieldSet
from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST, AddPrefix, CreateDigest, FileContent, MergeDigests
from pants.engine.rules import collect_rules
from pants.engine.target import StringField
from pants.engine.unions import UnionRule
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from pants_modelkiln.compat.calls import (
    add_prefix,
    concurrently,
    create_digest,
    get_digest_contents,
    implicitly,
    merge_digests,
    resolve_unparsed_address_inputs,
    rule,
)
from pants_modelkiln.engine.step import Step, try_step
from pants_modelkiln.engine.tool import checks_tool
from pants_modelkiln.inputs.checks import MAY_LACK_ONNX, WHERE, ArtifactCheckRequest, is_checked, remember
from pants_modelkiln.inputs.repository_artifact import ArtifactListRequest, ListedArtifact, check_request, list_artifact
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.package import ModelArtifactsField

# Of fewer packages each has its artifacts checked on its own, while others wait for something else.
FEWEST = 16
# A batch is one process. Larger ones would leave processors without work, and take longer after an edit that comes
# before Pants' daemon has learned anything.
_SIZE, _MOST = 32, 64
# A larger artifact takes so long that the start of its process does not matter.
_SMALL_BYTES = 1 << 20


class _OfNoTarget(StringField):
    alias = "_of_no_target"
    help = "Never part of a target."


@dataclass(frozen=True)
class CheckBatchFieldSet(PackageFieldSet):
    """Stands for the packages that the goal `package` is about to ask for: it asks for this first."""

    required_fields = (_OfNoTarget,)

    artifacts: tuple[ModelArtifactsField, ...] = ()


@dataclass(frozen=True)
class CheckBatch:
    """Artifacts to check in one process."""

    requests: tuple[ArtifactCheckRequest, ...]


@dataclass(frozen=True)
class CheckedBatch:
    """The batch was checked, as far as that is possible."""


@rule(desc="Check a batch of model artifacts", level=LogLevel.DEBUG)
async def check_batch(batch: CheckBatch, options: ModelkilnSubsystem) -> CheckedBatch:
    """Check artifacts in one process, and remember what was found in those that are sound."""
    parts = await concurrently(
        add_prefix(AddPrefix(one.digest, f"sources/{number}")) for number, one in enumerate(batch.requests)
    )
    allowed = canonical_json([one.allowed.to_json() for one in batch.requests])
    described = await create_digest(CreateDigest([FileContent("batch.json", allowed)]))
    has_onnx = any(one.has_onnx for one in batch.requests)
    step = Step(
        argv=(
            "check-artifact", "--sources=sources", "--batch=batch.json", f"--where={WHERE}", "--output=findings.json",
            *(() if has_onnx else (MAY_LACK_ONNX,)),
        ),
        description=f"Check {len(batch.requests)} model artifacts, {batch.requests[0].address} and others",
        input_digest=await merge_digests(MergeDigests((described, *parts))),
        output_files=("findings.json",),
        tool=checks_tool(options) if has_onnx else None,
    )  # fmt: skip
    result = (await try_step(step, **implicitly())).result
    if result.exit_code == 0:  # Else each of them is checked on its own, and reports what is wrong.
        found = json.loads((await get_digest_contents(result.output_digest))[0].content)
        for request, findings in zip(batch.requests, found):
            if findings is not None:
                remember(request, findings)
    return CheckedBatch()


def _is_for_batch(listed: ListedArtifact) -> bool:
    if listed.locked or listed.large or listed.artifact.size > _SMALL_BYTES:
        return False
    return not is_checked(check_request(listed))


def make_batches(requests: Iterable[ArtifactCheckRequest]) -> list[CheckBatch]:
    """Divide requests into batches, most of which stay as they are when one is added or removed."""
    batches: list[list[ArtifactCheckRequest]] = []
    is_full = True
    # The step that has ONNX' checker costs more to get.
    for request in sorted(requests, key=lambda one: (one.has_onnx, str(one.address))):
        if is_full or request.has_onnx != batches[-1][-1].has_onnx:
            batches.append([])
        batches[-1].append(request)
        # Where a batch ends is for its last address to say, whatever comes before.
        digest = hashlib.sha256(str(request.address).encode()).digest()
        is_full = digest[0] % _SIZE == 0 or len(batches[-1]) == _MOST
    return [CheckBatch(tuple(batch)) for batch in batches]


@rule(desc="Check model artifacts in batches", level=LogLevel.DEBUG)
async def check_in_batches(fields: CheckBatchFieldSet, options: GlobalOptions) -> BuiltPackage:
    """Check the small artifacts of many packages in batches; builds nothing."""
    # A remote cache has an answer for each artifact, whichever others there are, and no process starts for it.
    if not (options.remote_cache_read or options.remote_cache_write or options.remote_execution):
        named = await concurrently(
            resolve_unparsed_address_inputs(one.to_unparsed_address_inputs(), **implicitly())
            for one in fields.artifacts
        )
        addresses: dict[Address, None] = dict.fromkeys(address for one in named for address in one)
        listed = await concurrently(
            list_artifact(ArtifactListRequest(address), **implicitly()) for address in addresses
        )
        requests = [check_request(one) for one in listed if _is_for_batch(one)]
        if len(requests) >= FEWEST:
            await concurrently(check_batch(batch, **implicitly()) for batch in make_batches(requests))
    return BuiltPackage(EMPTY_DIGEST, ())


def rules():
    return [*collect_rules(), UnionRule(PackageFieldSet, CheckBatchFieldSet)]
