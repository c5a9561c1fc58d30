"""What of a layout becomes a copy of it: manifests, in the order in which they are put, and their blobs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Optional

from modelkiln.archives.decompression import compression_of
from modelkiln.descriptor import INDEX, LARGEST_MANIFEST, MANIFEST, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.image.config import parse_document
from modelkiln.image.entries import Entry, is_attestation
from modelkiln.image.layout import Layout

__all__ = [
    "RECORD_TITLE",
    "Contents",
    "Document",
    "contents_of",
    "is_recompressed",
    "layout_contents",
    "layout_size",
    "root_digest",
]

_MAX_DEPTH = 4
# Of the record's layer, in an image's history.
RECORD_TITLE = "modelkiln record"


@dataclass(frozen=True)
class Document:
    """A manifest or an index, checked against its descriptor."""

    descriptor: Descriptor
    data: bytes

    @classmethod
    def read(cls, descriptor: Descriptor, data: bytes, where: str) -> "Document":
        """Return what a registry gave; raises ModelkilnError, with `where`, for what is not such a document."""
        parse_document(data, f"{where}: {descriptor.digest}", "Publish it again, or remove it from the registry.")
        return cls(descriptor, data)

    @property
    def content(self) -> Mapping[str, Any]:
        """The parsed JSON object."""
        return json.loads(self.data)

    @property
    def is_attestation(self) -> bool:
        """Whether it holds statements about an image next to it, see `entries.is_attestation`."""
        return self.descriptor.media_type == MANIFEST and is_attestation(self.content)


@dataclass(frozen=True)
class Contents:
    """manifests: children before the index that names them; the last one is what a tag means.
    blobs: configs and layers, each once."""

    manifests: tuple[Document, ...]
    blobs: tuple[Descriptor, ...]

    @property
    def root(self) -> Document:
        """What a tag means."""
        return self.manifests[-1]

    @property
    def tops(self) -> tuple[Descriptor, ...]:
        """What a tag means, then what no index here names: one that a deployment was pinned to before."""
        indexes = (one.content for one in self.manifests if one.descriptor.media_type == INDEX)
        children = {entry["digest"] for index in indexes for entry in index.get("manifests") or ()}
        return tuple(one.descriptor for one in reversed(self.manifests) if one.descriptor.digest not in children)

    @property
    def signed(self) -> tuple[Descriptor, ...]:
        """What is signed of it: what a tag means, then the manifests in that, by which some tools pull. Statements in
        it are signed with the index that lists them."""
        others = (one.descriptor for one in self.manifests[:-1] if not one.is_attestation)
        return (self.root.descriptor, *others)


def root_digest(index_json: bytes) -> str:
    """Return what a tag of the layout with this `index.json`, as `pants package` writes it, means."""
    (entry,) = json.loads(index_json)["manifests"]
    return str(entry["digest"])


def layout_contents(layout: Layout, name: Optional[str] = None) -> Contents:
    """Return the contents of the image, artifact or index that `Layout.select` finds."""
    return contents_of(layout, layout.select(name))


def contents_of(layout: Layout, entry: Entry) -> Contents:
    """Return what `entry` is made of, every document checked; layers are not looked at."""
    documents: dict[str, Document] = {}
    blobs: dict[str, Descriptor] = {}
    _add(layout, entry.descriptor, documents, blobs, 0)
    return Contents(tuple(documents.values()), tuple(blobs.values()))


def layout_size(path: Path) -> Optional[int]:
    """Return the bytes of all blobs that a layout names, wherever they are; None where its documents are damaged."""
    try:
        layout = Layout(path)
        blobs = {blob.digest: blob.size for entry in layout.own for blob in contents_of(layout, entry).blobs}
    except ModelkilnError:
        return None
    return sum(blobs.values())


def is_recompressed(manifest: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Whether an image's layers were compressed after they were made: that of its record never is."""
    history = [str(one.get("created_by", "")) for one in config.get("history") or () if not one.get("empty_layer")]
    types = [str(layer.get("mediaType", "")) for layer in manifest.get("layers") or ()]
    return any(title.startswith(RECORD_TITLE) and compression_of(kind) != "none" for title, kind in zip(history, types))


def _add(layout: Layout, descriptor: Descriptor, documents: dict, blobs: dict, depth: int) -> None:
    """Add the manifest after all that it names."""
    where = f"{layout.path}: {descriptor.digest}"
    if descriptor.digest in documents:
        return
    if depth > _MAX_DEPTH:
        raise ModelkilnError(f"{where}: indexes are nested more than {_MAX_DEPTH} deep. Refused.")
    if descriptor.size > LARGEST_MANIFEST:
        raise ModelkilnError(f"{where}: a manifest of {descriptor.size} bytes; registries take {LARGEST_MANIFEST}.")
    data = layout.read_blob(descriptor)
    content = layout.read_json(descriptor)
    if descriptor.media_type == INDEX:
        for number, entry in enumerate(content.get("manifests") or ()):
            child = Descriptor.from_json(entry, f"{where}: manifests[{number}]")
            _add(layout, child, documents, blobs, depth + 1)
    elif descriptor.media_type == MANIFEST:
        for blob in (content.get("config"), *(content.get("layers") or ())):
            found = Descriptor.from_json(blob, where)
            blobs.setdefault(found.digest, found)
    else:
        raise ModelkilnError(f"{where}: mediaType {descriptor.media_type!r}, want {MANIFEST!r} or {INDEX!r}.")
    documents[descriptor.digest] = Document(descriptor, data)
