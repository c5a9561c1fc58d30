"""From `model_artifact` targets to hashed files and weights layers."""

from __future__ import annotations

from dataclasses import dataclass

from pants.engine.addresses import Address, Addresses
from pants.engine.fs import Digest, FileEntry
from pants.engine.rules import Get, collect_rules, rule
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from pants_modelkiln.api import hydrate, list_digest, read_digest, remove_prefix, subset, targets_of
from pants_modelkiln.checks import ArtifactCheckRequest, artifact_formats
from pants_modelkiln.target_types.artifact import ModelArtifactAllowPickleField, ModelArtifactSourceField

# Git LFS specification, spec.md: a pointer is a UTF-8 text of less than 1024 bytes that starts
# with its version line.
_LFS_START = b"version https://git-lfs"
_LFS_MAX = 1024


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
    """

    address: Address
    files: tuple[PinnedFile, ...]
    digest: Digest
    formats: tuple[tuple[str, str], ...] = ()

    def record_entries(self) -> list[dict]:
        """The record's objects for the files."""
        formats = dict(self.formats)
        return [{**file.to_json(), "format": formats.get(file.path, "unknown")} for file in self.files]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


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


@rule(desc="Hash a model artifact", level=LogLevel.DEBUG)
async def hash_artifact(request: ArtifactRequest) -> Artifact:
    address = request.address
    target = (await targets_of(Addresses([address]))).expect_single()
    if not target.has_field(ModelArtifactSourceField):
        raise ModelkilnError(f"{address}: is a `{target.alias}`, but `artifacts` must name `model_artifact` targets.")
    sources = await hydrate(target[ModelArtifactSourceField])
    digest = sources.snapshot.digest
    if address.spec_path:
        digest = await remove_prefix(digest, address.spec_path)
    files = pinned_files(await list_digest(digest))
    if not files:
        raise ModelkilnError(
            f"{address}: the field `source` matches no file. Check its path, which is relative to "
            f"{address.spec_path or 'the root'}."
        )
    suspects = [file.path for file in files if file.size < _LFS_MAX]
    contents = await read_digest(await subset(digest, suspects)) if suspects else ()
    _refuse_placeholders(address, contents)
    allowed = target[ModelArtifactAllowPickleField].value
    checked = await artifact_formats(ArtifactCheckRequest(address, digest, allowed))
    return Artifact(address, files, digest, checked.formats)


def _refuse_placeholders(address: Address, contents) -> None:
    for file in contents:
        if not file.content:
            raise ModelkilnError(
                f"{address}: {file.path}: is empty. Write the trained artifact there, or leave the "
                "file out of the field `source`."
            )
        if file.content.startswith(_LFS_START):
            raise ModelkilnError(
                f"{address}: {file.path}: is a Git LFS pointer, not the file that it stands for. "
                "Fetch it with `git lfs pull` and package again."
            )


def rules():
    return collect_rules()
