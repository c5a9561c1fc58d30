"""What a layout's `index.json` lists: images and indexes of their own, and what tools list next to them.

oras lists the children of an index and all referrers next to it; regctl lists referrers in an index under the tag
`sha256-<hex>` of what they refer to, as registries without a referrers API do (distribution-spec 1.1, "Referrers
Tag Schema"); `cosign copy` gives that tag to the image itself.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

from modelkiln.descriptor import EMPTY_TYPE, INDEX, Descriptor
from modelkiln.digest import referrers_tag

__all__ = [
    "ATTESTATION_TYPE",
    "REF_NAME",
    "Entry",
    "is_attestation",
    "own_entries",
    "platform_text",
    "read_entries",
    "referring",
]

# OCI image-spec 1.1, annotations.md: the tag of an image in a layout.
REF_NAME = "org.opencontainers.image.ref.name"
# BuildKit, docs/attestations/attestation-storage.md: a manifest of statements about an image in the same index.
ATTESTATION_TYPE = "application/vnd.docker.attestation.manifest.v1+json"
_REFERRERS_TAG = re.compile(r"sha256-[0-9a-f]{64}")

# Gives the JSON object that a descriptor names.
Read = Callable[[Descriptor], Mapping[str, Any]]


@dataclass(frozen=True)
class Entry:
    """A manifest or an index that an index names, once with all of its tags.

    platform: "linux/amd64", or "" where the index does not name one. annotations: of the first mention.
    """

    descriptor: Descriptor
    tags: tuple[str, ...] = ()
    platform: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict, compare=False)


def platform_text(platform: Any) -> str:
    """Return "os/architecture" or "os/architecture/variant" of an index entry's platform, "" without one."""
    if not isinstance(platform, Mapping):
        return ""
    parts = (platform.get("os"), platform.get("architecture"), platform.get("variant"))
    return "/".join(part for part in parts if isinstance(part, str) and part)


def is_attestation(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest holds statements about an image, as BuildKit stores them. What has a config is an image."""
    config = manifest.get("config")
    is_empty = isinstance(config, Mapping) and config.get("mediaType") == EMPTY_TYPE
    return is_empty and manifest.get("artifactType") == ATTESTATION_TYPE


def read_entries(listed: Iterable[Any], where: str) -> list[Entry]:
    """Return the entries of an index's list `manifests`; raises ModelkilnError that names `where`."""
    found: dict[str, Entry] = {}
    for number, value in enumerate(listed):
        descriptor = Descriptor.from_json(value, f"{where}: manifests[{number}]")
        annotations = value.get("annotations") or {}
        tags = (annotations[REF_NAME],) if annotations.get(REF_NAME) else ()
        entry = found.setdefault(
            descriptor.digest, Entry(descriptor, (), platform_text(value.get("platform")), annotations)
        )
        found[descriptor.digest] = replace(entry, tags=(*entry.tags, *(tag for tag in tags if tag not in entry.tags)))
    return list(found.values())


def own_entries(entries: Sequence[Entry], read: Read) -> list[Entry]:
    """Return those of `entries` that are neither a part of another one nor about another one, without the tags
    that are no names."""
    children = {child for entry in entries if not _is_list(entry) for child in _children(entry, read)}
    known = {entry.descriptor.digest for entry in entries} | children
    listed = {child for entry in entries if _is_list(entry) for child in _children(entry, read)}
    found = []
    for entry in entries:
        digest, subject = entry.descriptor.digest, read(entry.descriptor).get("subject")
        refers = isinstance(subject, Mapping) and subject.get("digest") in known
        tags = tuple(tag for tag in entry.tags if not _REFERRERS_TAG.fullmatch(tag))
        if tags or not (_is_list(entry) or refers or digest in children | listed):
            found.append(replace(entry, tags=tags))
    return found


def referring(digest: str, entries: Sequence[Entry], read: Read) -> list[Descriptor]:
    """Return the manifests that refer to `digest`: those that are listed with it as their subject, and those
    in the index under its tag."""
    found = {}
    for entry in entries:
        subject = read(entry.descriptor).get("subject")
        if isinstance(subject, Mapping) and subject.get("digest") == digest:
            found[entry.descriptor.digest] = entry.descriptor
    for listing in entries:
        if not (_is_list(listing) and referrers_tag(digest) in listing.tags):
            continue
        for value in read(listing.descriptor).get("manifests") or ():
            descriptor = Descriptor.from_json(value, f"index {listing.descriptor.digest}")
            found.setdefault(descriptor.digest, descriptor)
    return list(found.values())


def _is_list(entry: Entry) -> bool:
    """Whether it is an index of referrers of something else; cosign's copies have the tag of their own digest."""
    own = referrers_tag(entry.descriptor.digest)
    is_index = entry.descriptor.media_type == INDEX
    return is_index and any(_REFERRERS_TAG.fullmatch(tag) and tag != own for tag in entry.tags)


def _children(entry: Entry, read: Read) -> Iterator[str]:
    for value in read(entry.descriptor).get("manifests") or () if entry.descriptor.media_type == INDEX else ():
        if isinstance(value, Mapping):
            yield str(value.get("digest"))
