"""A model artifact as packages see it, wherever its files are."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pants.engine.addresses import Address
from pants.engine.fs import Digest, FileEntry

from modelkiln.layer import Layer
from pants_modelkiln.engine.layers import LayerRequest


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
    """Files of a model artifact, and a Digest that holds them at their paths, as far as they pass
    through Pants.

    formats: pairs of path and format, for the files that were checked.
    layers: of files that the digest lacks, whose bytes are in the store: all files of a locked
    artifact, large ones of Git LFS and those that share their layers. requests: the layers of the
    digest's files. origin: what the record says of a locked artifact's source, canonical JSON; else "".
    """

    address: Address
    files: tuple[PinnedFile, ...]
    digest: Digest
    formats: tuple[tuple[str, str], ...] = ()
    layers: tuple[Layer, ...] = ()
    requests: tuple[LayerRequest, ...] = ()
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
        """What the source of a locked artifact tells of the model (see `modelkiln.package.source_facts`)."""
        return json.loads(self.origin)["facts"] if self.origin else {}


def pinned_files(entries) -> tuple[PinnedFile, ...]:
    """The files of a listed Digest, sorted by path."""
    files = (
        PinnedFile(entry.path, entry.file_digest.fingerprint, entry.file_digest.serialized_bytes_length)
        for entry in entries
        if isinstance(entry, FileEntry)
    )
    return tuple(sorted(files, key=lambda file: file.path))
