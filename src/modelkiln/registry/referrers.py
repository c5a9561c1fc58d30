"""A package's record in a registry: an artifact that refers to the image (OCI 1.1 `subject`).

Found through the referrers API, and where a registry has none through the tag `sha256-<hex>` of
the image's digest, which names an index of all that refers to it (distribution-spec 1.1,
"Referrers Tag Schema").
"""

import json
from typing import Any, Collection, Mapping, Optional, Sequence

from modelkiln.canonical import document_json
from modelkiln.conventions import RECORD_TYPE
from modelkiln.descriptor import EMPTY_CONFIG, INDEX, MANIFEST, Descriptor
from modelkiln.digest import referrers_tag, sha256_bytes
from modelkiln.document import parse_object
from modelkiln.errors import ModelkilnError
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.refusal import refused

__all__ = ["artifact_manifest", "attach", "attach_all", "find_records", "find_referrers"]

_ATTEMPTS = 3
# Of a thousand entries each, as registries give them; it ends a circle.
_PAGES = 100


def artifact_manifest(
    content: bytes, artifact_type: str, title: str, subject: Descriptor, annotations: Mapping[str, str]
) -> tuple[Descriptor, bytes]:
    """Return the manifest of an artifact that refers to `subject`, and its descriptor.

    content: its one layer, of the artifact's own type. title: the layer's file name.
    """
    layer = {
        **Descriptor.of(artifact_type, content).to_json(),
        "annotations": {"org.opencontainers.image.title": title},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact_type,
        "config": EMPTY_CONFIG.to_json(),
        "layers": [layer],
        "subject": subject.to_json(),
        "annotations": dict(annotations),
    }
    data = document_json(manifest)
    return Descriptor.of(MANIFEST, data), data


def attach(client: RegistryClient, descriptor: Descriptor, data: bytes) -> bool:
    """Put the artifact `data`, which has a `subject`, so that it is found; False when all was there."""
    return bool(attach_all(client, [(descriptor, data)]))


def attach_all(
    client: RegistryClient,
    documents: Sequence[tuple[Descriptor, bytes]],
    known: Mapping[str, Collection[str]] = {},
) -> list[Descriptor]:
    """Put the manifests of artifacts that have a `subject`, so that they are found; returns those that were not there.

    known: by a subject's digest, those of what is known to refer to it; of other subjects the registry is asked. What
    each consists of has to be there. Raises ModelkilnError for what a registry refuses.
    """
    subjects: dict[str, list[tuple[Descriptor, bytes]]] = {}
    for descriptor, data in documents:
        subject = Descriptor.from_json(json.loads(data)["subject"])
        subjects.setdefault(subject.digest, []).append((descriptor, data))
    added = []
    for digest, own in subjects.items():
        listed = known[digest] if digest in known else {one.get("digest") for one in _referrers(client, digest)}
        missing = [one for one in own if one[0].digest not in listed]
        unlisted = [one for one in missing if not _put(client, digest, *one)]
        if unlisted:
            _list_by_tag(client, digest, unlisted)
        added += [descriptor for descriptor, _ in missing]
    return added


def _put(client: RegistryClient, subject: str, descriptor: Descriptor, data: bytes) -> bool:
    """Put an artifact; whether the registry lists it by itself."""
    return client.put_manifest(descriptor.digest, descriptor, data).get("oci-subject") == subject


def _list_by_tag(client: RegistryClient, subject: str, documents: Sequence[tuple[Descriptor, bytes]]) -> None:
    """List artifacts in the index of the fallback tag.

    Its other entries are kept. Two publishers may still overwrite each other's there: a publisher that does not find
    its own afterwards tries again.
    """
    entries = []
    for descriptor, data in documents:
        content = json.loads(data)
        stated = {"artifactType": content["artifactType"], "annotations": content.get("annotations") or {}}
        entries.append({**descriptor.to_json(), **stated})
    own, tag = {descriptor.digest for descriptor, _ in documents}, referrers_tag(subject)
    for _ in range(_ATTEMPTS):
        others = [one for one in _fallback(client, subject) if one.get("digest") not in own]
        index = document_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [*others, *entries]})
        client.put_manifest(tag, Descriptor.of(INDEX, index), index)
        if own <= {entry.get("digest") for entry in _fallback(client, subject)}:
            return
    raise ModelkilnError(
        f"{client.repository}: tag {tag}: others replaced it {_ATTEMPTS} times while the record was added. Try again."
    )


def find_records(client: RegistryClient, digest: str) -> list[Descriptor]:
    """Return the manifests of records that refer to the manifest `digest`, the latest last."""
    return find_referrers(client, digest, RECORD_TYPE)


def find_referrers(client: RegistryClient, digest: str, artifact_type: Optional[str] = None) -> list[Descriptor]:
    """Return the manifests, all or those of a type, that refer to the manifest `digest`, the latest last."""
    where = f"{client.repository}: referrers of {digest}"
    found = [one for one in _referrers(client, digest) if artifact_type in (None, one.get("artifactType"))]
    return [Descriptor.from_json(entry, where) for entry in found]


def _referrers(client: RegistryClient, digest: str) -> list[Mapping[str, Any]]:
    """The entries of all pages (distribution-spec 1.1, "Listing Referrers").

    oras-py's own pages go on without end, and take a link without a path for one of the host's root.
    """
    url = client.url(f"referrers/{digest}")
    found: list[Mapping[str, Any]] = []
    for _ in range(_PAGES):
        answer = client.do_request(url, headers={"Accept": INDEX})
        # A registry without the API answers 404; its fallback tag lists what refers to a manifest.
        if answer.status_code != 200 or not answer.headers.get("Content-Type", "").startswith(INDEX):
            if found:
                raise refused(client, answer, "It has given other pages")
            return _fallback(client, digest)
        found += _entries(answer.content, f"{client.repository}: referrers/{digest}")
        following = answer.links.get("next", {}).get("url")
        if not following:
            return found
        url = client.location(answer, following)
    raise ModelkilnError(f"{client.repository}: referrers/{digest}: more than {_PAGES} pages. Refused.")


def _fallback(client: RegistryClient, digest: str) -> list[Mapping[str, Any]]:
    tag = referrers_tag(digest)
    found = client.find_manifest(tag)
    # `cosign copy` gives this tag to the manifest itself, which does not list what refers to it.
    if found is None or sha256_bytes(found[1]) == digest or _is_manifest(found[1]):
        return []
    return _entries(found[1], f"{client.repository}: tag {tag}")


def _is_manifest(data: bytes) -> bool:
    """Whether it is sure to be no index. Registries' own word for it is not reliable: django-oci has one for all."""
    try:
        content = parse_object(data)
    except ValueError:
        return False
    return "manifests" not in content and "layers" in content


def _entries(data: bytes, where: str) -> list[Mapping[str, Any]]:
    try:
        content = parse_object(data)
        entries = content["manifests"]
        entries = [] if entries is None else entries  # As Go writes a list without entries.
        if isinstance(entries, list) and all(isinstance(one, dict) for one in entries):
            return entries
    except (ValueError, KeyError):
        pass
    raise ModelkilnError(f"{where}: is not an index of referrers. Remove it from the registry, or fix it.")
