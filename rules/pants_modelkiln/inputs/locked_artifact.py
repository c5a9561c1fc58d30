"""A model artifact whose files a weights lock pins."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST, PathGlobs
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from modelkiln.layers.weights import locked_layers
from modelkiln.pinned_file import PinnedFile
from modelkiln.weights.lock import load_weights_lock
from pants_modelkiln.compat.calls import get_digest_contents, implicitly, rule
from pants_modelkiln.inputs.artifact import Artifact, Origin


@dataclass(frozen=True)
class LockedArtifactRequest:
    """The `model_artifact` at an address, whose lock is the file `lock` in its folder.

    allow_pickle: what the target says now.
    """

    address: Address
    lock: str
    allow_pickle: tuple[str, ...] | None


@rule(desc="Read a weights lock", level=LogLevel.DEBUG)
async def read_locked_artifact(request: LockedArtifactRequest) -> Artifact:
    """Read the lock, and nothing of the files that it pins."""
    address = request.address
    path = os.path.join(address.spec_path, request.lock)
    found = await get_digest_contents(**implicitly(PathGlobs([path])))
    if not found:
        raise ModelkilnError(f"{address}: there is no file {path}. Write it with `pants lock {address}`.")
    lock = load_weights_lock(found[0].content.decode("utf-8", "replace"), f"{address}: {path}")
    lock.check_pickles(request.allow_pickle, str(address))
    files = (PinnedFile(file.path, file.sha256, file.size) for file in lock.files)
    origin = {"target": str(address), "source": dict(lock.source), "set_digest": lock.set_digest}
    return Artifact(
        address=address,
        files=tuple(sorted(files, key=lambda file: file.path)),
        digest=EMPTY_DIGEST,
        formats=tuple((file.path, file.format) for file in lock.files if file.format),
        parts=locked_layers(lock, str(address)),
        origin=Origin.of({**origin, "facts": dict(lock.facts)}),
    )


def rules():
    return collect_rules()
