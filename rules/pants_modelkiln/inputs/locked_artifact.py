"""A model artifact whose files a weights lock pins."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.checks.allowed import Allowed
from modelkiln.layers.weights import locked_layers
from modelkiln.pinned_file import PinnedFile
from modelkiln.weights.lock import WeightsLock, load_weights_lock
from pants_modelkiln.compat.calls import implicitly, rule
from pants_modelkiln.inputs.artifact import Artifact, Origin
from pants_modelkiln.inputs.checks import LockCheckRequest, check_locked
from pants_modelkiln.inputs.file_format import FileFormat
from pants_modelkiln.inputs.named_files import read_named_file


@dataclass(frozen=True)
class LockedArtifactRequest:
    """The `model_artifact` at an address, whose lock is the file `lock` in its folder.

    allowed: what the target allows now.
    """

    address: Address
    lock: str
    allowed: Allowed


async def list_locked_artifact(request: LockedArtifactRequest) -> tuple[Artifact, WeightsLock, bytes]:
    """What the lock says of its files, which nobody looks at; the lock; and its text."""
    address = request.address
    found = await read_named_file(address, "lock", request.lock, f"Write it with `pants lock {address}`.")
    lock = load_weights_lock(found.content.decode("utf-8", "replace"), f"{address}: {found.path}", str(address))
    files = (PinnedFile(file.path, file.sha256, file.size) for file in lock.files)
    origin = {"target": str(address), "source": dict(lock.source), "set_digest": lock.set_digest}
    artifact = Artifact(
        address=address,
        files=tuple(sorted(files, key=lambda file: file.path)),
        digest=EMPTY_DIGEST,
        formats=tuple(
            (file.path, FileFormat.stated(file.format, file.facts, file.code))
            for file in lock.files
            if file.format or file.code
        ),
        origin=Origin.of({**origin, "facts": dict(lock.facts)}),
    )
    return artifact, lock, found.content


@rule(desc="Read a weights lock", level=LogLevel.DEBUG)
async def read_locked_artifact(request: LockedArtifactRequest) -> Artifact:
    """Read the lock, and have those of its files checked that are on this machine."""
    address = request.address
    artifact, lock, content = await list_locked_artifact(request)
    lock.check_allowed(request.allowed, str(address))
    await check_locked(LockCheckRequest(address, content, request.allowed), **implicitly())
    return replace(artifact, parts=locked_layers(lock, str(address), request.allowed))


def rules():
    return collect_rules()
