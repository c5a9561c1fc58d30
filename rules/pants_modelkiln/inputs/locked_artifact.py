"""A model artifact whose files a weights lock pins."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST, CreateDigest, FileContent
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.attestation.bundle import Bundle
from modelkiln.attestation.oms import differences, read_signed_model
from modelkiln.checks.allowed import Allowed
from modelkiln.digest import hex_of, sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.layers import files
from modelkiln.layers.weights import locked_layers
from modelkiln.pinned_file import PinnedFile
from modelkiln.weights.lock import WeightsLock, load_weights_lock
from pants_modelkiln.compat.calls import create_digest, implicitly, rule
from pants_modelkiln.engine.layers import LayerRequest
from pants_modelkiln.inputs.artifact import Artifact, Origin
from pants_modelkiln.inputs.checks import LockCheckRequest, check_locked
from pants_modelkiln.inputs.file_format import FileFormat
from pants_modelkiln.inputs.named_files import read_named_file


@dataclass(frozen=True)
class LockedArtifactRequest:
    """The `model_artifact` at an address, whose lock is the file `lock` in its folder.

    allowed: what the target allows now. signature: the file with that of the lock's files, or "".
    """

    address: Address
    lock: str
    allowed: Allowed
    signature: str = ""


async def _with_signature(artifact: Artifact, request: LockedArtifactRequest) -> Artifact:
    """The artifact with the signature of its files, which has to be of these and no others."""
    address, name = artifact.address, os.path.basename(request.signature)
    again = f"`modelkiln sign {os.path.join(address.spec_path, request.lock)}`"
    found = await read_named_file(address, "model_signature", request.signature, f"Write it with {again}.")
    where = f"{address}: {found.path}"
    signed = read_signed_model(Bundle.read(found.content, where), where)
    problems = differences(signed, {file.path: file.sha256 for file in artifact.files})
    if problems:
        raise ModelkilnError(
            f"{where}: is of other files than the lock's: {' '.join(problems)} Sign it again: {again}."
        )
    if any(file.path == name for file in artifact.files):
        raise ModelkilnError(f"{where}: a file of the model has this name. Give the signature another one.")
    digest = await create_digest(CreateDigest([FileContent(name, found.content)]))
    file = PinnedFile(name, hex_of(sha256_bytes(found.content)), len(found.content))
    recipe = files.recipe("weights", f"{address} ({name})", "none", [file])
    return replace(
        artifact,
        files=tuple(sorted((*artifact.files, file), key=lambda one: one.path)),
        digest=digest,
        signature=(name, found.content),
        parts=(*artifact.parts, LayerRequest(recipe, recipe["title"], digest, True)),
    )


async def list_locked_artifact(request: LockedArtifactRequest) -> tuple[Artifact, WeightsLock, bytes]:
    """What the lock says of its files, which nobody looks at; the lock; and its text."""
    address = request.address
    found = await read_named_file(address, "lock", request.lock, f"Write it with `pants lock {address}`.")
    lock = load_weights_lock(found.content.decode("utf-8", "replace"), f"{address}: {found.path}", str(address))
    pinned = (PinnedFile(file.path, file.sha256, file.size) for file in lock.files)
    origin = {"target": str(address), "source": dict(lock.source), "set_digest": lock.set_digest}
    artifact = Artifact(
        address=address,
        files=tuple(sorted(pinned, key=lambda file: file.path)),
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
    made = replace(artifact, parts=locked_layers(lock, str(address), request.allowed))
    return await _with_signature(made, request) if request.signature else made


def rules():
    return collect_rules()
