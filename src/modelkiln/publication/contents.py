"""What a registry gets of a layout: its manifests, in the order in which they are put, and their blobs."""

import json
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Optional

from modelkiln.descriptor import INDEX, MANIFEST, Descriptor
from modelkiln.digest import sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.image.layout import Layout

__all__ = ["Contents", "Document", "layout_contents", "root_digest"]

# Registries refuse larger ones (distribution-spec 1.1, "Pushing Manifests").
_LARGEST_MANIFEST = 4 << 20
_MAX_DEPTH = 4


@dataclass(frozen=True)
class Document:
    """A manifest or an index, checked against its descriptor."""

    descriptor: Descriptor
    data: bytes

    @property
    def content(self) -> Mapping[str, Any]:
        """The parsed JSON object."""
        return json.loads(self.data)


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


def root_digest(index_json: bytes) -> str:
    """Return what a tag of the layout with this `index.json` means, as `layout_contents` chooses it."""
    entries = json.loads(index_json)["manifests"]
    return str(entries[0]["digest"]) if len(entries) == 1 else sha256_bytes(index_json)


def layout_contents(layout: Layout, name: Optional[str] = None) -> Contents:
    """Return what the layout holds, every document checked; layers are not looked at.

    name: tag or digest of one entry of `index.json`. Without it a layout of one entry gives that
    entry, and a layout of several gives its `index.json` as an index, as for several platforms.
    """
    documents: dict[str, Document] = {}
    blobs: dict[str, Descriptor] = {}
    index_path = layout.path / "index.json"
    entries = layout.index.get("manifests")
    if not isinstance(entries, list) or not entries:
        raise ModelkilnError(f"{index_path}: names no manifest. Package the target again.")
    chosen = [entry for entry in entries if name is None or name in _names(entry)]
    if not chosen:
        raise ModelkilnError(f"{index_path}: has no entry {name!r}.")
    if len(chosen) == 1:
        _add(layout, Descriptor.from_json(chosen[0], f"{index_path}: manifests[0]"), documents, blobs, 0)
    elif name is not None:
        raise ModelkilnError(f"{index_path}: {len(chosen)} entries are named {name!r}. Name one by its digest.")
    else:
        data = index_path.read_bytes()
        _add_children(layout, json.loads(data), str(index_path), documents, blobs, 0)
        documents[""] = Document(Descriptor.of(INDEX, data), data)
    return Contents(tuple(documents.values()), tuple(blobs.values()))


def _names(entry: Mapping[str, Any]) -> Iterator[str]:
    yield str(entry.get("digest"))
    yield str((entry.get("annotations") or {}).get("org.opencontainers.image.ref.name"))


def _add(layout: Layout, descriptor: Descriptor, documents: dict, blobs: dict, depth: int) -> None:
    """Add the manifest after all that it names."""
    where = f"{layout.path}: {descriptor.digest}"
    if descriptor.digest in documents:
        return
    if depth > _MAX_DEPTH:
        raise ModelkilnError(f"{where}: indexes are nested more than {_MAX_DEPTH} deep. Refused.")
    if descriptor.size > _LARGEST_MANIFEST:
        raise ModelkilnError(f"{where}: a manifest of {descriptor.size} bytes; registries take {_LARGEST_MANIFEST}.")
    data = layout.read_blob(descriptor)
    content = layout.read_json(descriptor)
    if descriptor.media_type == INDEX:
        _add_children(layout, content, where, documents, blobs, depth + 1)
    elif descriptor.media_type == MANIFEST:
        for blob in (content.get("config"), *(content.get("layers") or ())):
            found = Descriptor.from_json(blob, where)
            blobs.setdefault(found.digest, found)
    else:
        raise ModelkilnError(f"{where}: mediaType {descriptor.media_type!r}, want {MANIFEST!r} or {INDEX!r}.")
    documents[descriptor.digest] = Document(descriptor, data)


def _add_children(layout: Layout, index: Mapping[str, Any], where: str, documents: dict, blobs: dict, depth: int):
    for number, entry in enumerate(index.get("manifests") or ()):
        _add(layout, Descriptor.from_json(entry, f"{where}: manifests[{number}]"), documents, blobs, depth)
