"""A model artifact as packages see it, wherever its files are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Union

from pants.engine.addresses import Address
from pants.engine.fs import Digest, FileEntry

from modelkiln.frozen_json import FrozenJson
from modelkiln.layer import Layer
from modelkiln.pinned_file import PinnedFile
from modelkiln.weights.lock import set_digest
from pants_modelkiln.engine.layers import LayerRequest
from pants_modelkiln.inputs.file_format import FileFormat

# A layer of an artifact: one that is known, or one to make of the artifact's files.
Part = Union[Layer, LayerRequest]


class Origin(FrozenJson):
    """What a record says of where a locked artifact is from: "target" (its address), "source" and
    "set_digest" (see `modelkiln.weights.lock`), and "facts" (see `modelkiln.package.source_facts`)."""


@dataclass(frozen=True)
class ArtifactRequest:
    """The `model_artifact` at an address."""

    address: Address


@dataclass(frozen=True)
class Artifact:
    """Files of a model artifact, and a Digest that holds them at their paths, as far as they pass
    through Pants.

    formats: pairs of path and what was found there, for the files that were checked. parts: the artifact's layers,
    lowest first. origin: of a locked artifact. signature: of its files, as a path among them and bytes. base: of an
    adapter, the set digest of what it fits, else "".
    """

    address: Address
    files: tuple[PinnedFile, ...]
    digest: Digest
    formats: tuple[tuple[str, FileFormat], ...] = ()
    parts: tuple[Part, ...] = ()
    origin: Origin | None = None
    signature: tuple[str, bytes] | None = None
    base: str = ""

    @property
    def set_digest(self) -> str:
        """Which files these are, as a weights lock has it: a signature of them is not among them."""
        if self.origin:
            return self.origin["set_digest"]
        return set_digest((file.sha256, file.path) for file in self.files)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Layers of files that the digest lacks, whose bytes are in the store: all files of a locked
        artifact, large ones of Git LFS and those that share their layers."""
        return tuple(part for part in self.parts if isinstance(part, Layer))

    @property
    def requests(self) -> tuple[LayerRequest, ...]:
        """The layers of the digest's files."""
        return tuple(part for part in self.parts if isinstance(part, LayerRequest))

    def record_entries(self) -> list[dict]:
        """The record's objects for the files."""
        formats, unknown = dict(self.formats), FileFormat.stated("", None)
        base = {"base": self.base} if self.base else {}
        return [{**file.to_json(), **formats.get(file.path, unknown), **base} for file in self.files]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the source of a locked artifact states about the model (see `modelkiln.package.source_facts`)."""
        return self.origin["facts"] if self.origin else {}


def pinned_files(entries) -> tuple[PinnedFile, ...]:
    """The files of a listed Digest, sorted by path."""
    files = (
        PinnedFile(entry.path, entry.file_digest.fingerprint, entry.file_digest.serialized_bytes_length)
        for entry in entries
        if isinstance(entry, FileEntry)
    )
    return tuple(sorted(files, key=lambda file: file.path))
