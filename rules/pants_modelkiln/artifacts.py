"""From `model_artifact` targets to hashed files and weights layers."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Iterable

from pants.base.build_environment import get_buildroot
from pants.engine.addresses import Address, Addresses
from pants.engine.fs import EMPTY_DIGEST, Digest, FileEntry, PathGlobs
from pants.engine.rules import Get, collect_rules, rule
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer
from modelkiln.lfs_pointer import POINTER_LIMIT, is_pointer
from modelkiln.weights_lock import load_weights_lock
from pants_modelkiln.api import (
    hydrate,
    list_digest,
    paths_of,
    read_digest,
    read_globs,
    remove_prefix,
    subset,
    targets_of,
)
from pants_modelkiln.checks import ArtifactCheckRequest, artifact_formats
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.artifact import (
    ModelArtifactAllowPickleField,
    ModelArtifactLockField,
    ModelArtifactSourceField,
)


@dataclass(frozen=True)
class PinnedFile:
    """A file of a package: path (relative to where it will lie), sha256 (hex), size in bytes."""

    path: str
    sha256: str
    size: int

    def to_json(self) -> dict:
        """The record's object for this file."""
        return {"path": self.path, "sha256": self.sha256, "size": self.size}


@dataclass(frozen=True)
class ArtifactRequest:
    """The `model_artifact` at an address."""

    address: Address


@dataclass(frozen=True)
class Artifact:
    """Files of a model artifact, and a Digest that holds them at their paths.

    formats: pairs of path and format, for the files that were checked.
    layers: those of a locked artifact, whose digest is empty: its bytes are in the store alone.
    origin: what the record says of a locked artifact's source, canonical JSON; else "".
    """

    address: Address
    files: tuple[PinnedFile, ...]
    digest: Digest
    formats: tuple[tuple[str, str], ...] = ()
    layers: tuple[Layer, ...] = ()
    origin: str = ""

    def record_entries(self) -> list[dict]:
        """The record's objects for the files."""
        formats = dict(self.formats)
        return [{**file.to_json(), "format": formats.get(file.path, "unknown")} for file in self.files]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    @property
    def facts(self) -> dict:
        """What the source of a locked artifact tells of the model (see `modelkiln.facts`)."""
        return json.loads(self.origin)["facts"] if self.origin else {}


def artifact(address: Address) -> Get:
    """Artifact at an address."""
    return Get(Artifact, ArtifactRequest(address))


def pinned_files(entries) -> tuple[PinnedFile, ...]:
    """The files of a listed Digest, sorted by path."""
    files = (
        PinnedFile(entry.path, entry.file_digest.fingerprint, entry.file_digest.serialized_bytes_length)
        for entry in entries
        if isinstance(entry, FileEntry)
    )
    return tuple(sorted(files, key=lambda file: file.path))


@dataclass(frozen=True)
class LockedArtifactRequest:
    """The `model_artifact` at an address, whose lock is the file `lock` in its folder."""

    address: Address
    lock: str


def locked_artifact(request: LockedArtifactRequest) -> Get:
    """Artifact of a lock."""
    return Get(Artifact, LockedArtifactRequest, request)


@rule(desc="Read a weights lock", level=LogLevel.DEBUG)
async def read_locked_artifact(request: LockedArtifactRequest) -> Artifact:
    address = request.address
    path = os.path.join(address.spec_path, request.lock)
    found = await read_globs(PathGlobs([path]))
    if not found:
        raise ModelkilnError(f"{address}: there is no file {path}. Write it with `pants lock {address}`.")
    lock = load_weights_lock(found[0].content.decode("utf-8", "replace"), f"{address}: {path}")
    files = (PinnedFile(file.path, file.sha256, file.size) for file in lock.files)
    origin = {"target": str(address), "source": dict(lock.source), "set_digest": lock.set_digest}
    return Artifact(
        address=address,
        files=tuple(sorted(files, key=lambda file: file.path)),
        digest=EMPTY_DIGEST,
        formats=tuple((file.path, file.format) for file in lock.files if file.format),
        layers=lock.to_layers(str(address)),
        origin=canonical_json({**origin, "facts": dict(lock.facts)}).decode(),
    )


@rule(desc="Hash a model artifact", level=LogLevel.DEBUG)
async def hash_artifact(request: ArtifactRequest, options: ModelkilnSubsystem) -> Artifact:
    address = request.address
    target = (await targets_of(Addresses([address]))).expect_single()
    if not target.has_field(ModelArtifactSourceField):
        raise ModelkilnError(f"{address}: is a `{target.alias}`, but `artifacts` must name `model_artifact` targets.")
    if target[ModelArtifactLockField].value:
        return await locked_artifact(LockedArtifactRequest(address, target[ModelArtifactLockField].value))
    field = target[ModelArtifactSourceField]
    if not field.value:
        raise ModelkilnError(f"{address}: name its files in the field `source`, or its lock in the field `lock`.")
    spec = field.filespec
    paths = await paths_of(PathGlobs([*spec["includes"], *(f"!{path}" for path in spec.get("excludes", ()))]))
    _refuse_large(address, paths.files, options.large_blob_limit)
    sources = await hydrate(field)
    digest = sources.snapshot.digest
    if address.spec_path:
        digest = await remove_prefix(digest, address.spec_path)
    files = pinned_files(await list_digest(digest))
    if not files:
        raise ModelkilnError(
            f"{address}: the field `source` matches no file. Check its path, which is relative to "
            f"{address.spec_path or 'the root'}."
        )
    suspects = [file.path for file in files if file.size < POINTER_LIMIT]
    contents = await read_digest(await subset(digest, suspects)) if suspects else ()
    _refuse_placeholders(address, contents)
    allowed = target[ModelArtifactAllowPickleField].value
    checked = await artifact_formats(ArtifactCheckRequest(address, digest, allowed))
    return Artifact(address, files, digest, checked.formats)


def _refuse_large(address: Address, paths: Iterable[str], limit: int) -> None:
    # Before Pants reads them: it takes half a minute for each GB, at every start of its daemon.
    for path in paths:
        size = os.stat(os.path.join(get_buildroot(), path)).st_size
        if size > limit:
            raise ModelkilnError(
                f"{address}: {path}: has {size} bytes, and files of more than {limit} must not pass through Pants. "
                f'Name a lock in the target, lock="{address.target_name}.lock.json", and write it with '
                f"`pants lock {address}`. (The limit is [modelkiln].large_blob_limit.)"
            )


def _refuse_placeholders(address: Address, contents) -> None:
    for file in contents:
        if not file.content:
            raise ModelkilnError(
                f"{address}: {file.path}: is empty. Write the trained artifact there, or leave the "
                "file out of the field `source`."
            )
        if is_pointer(file.content):
            raise ModelkilnError(
                f"{address}: {file.path}: is a Git LFS pointer, not the file that it stands for. "
                "Fetch it with `git lfs pull` and package again, or lock it, which fetches it when it is needed: "
                f'source="lfs:{file.path}", lock="{address.target_name}.lock.json".'
            )


def rules():
    return collect_rules()
