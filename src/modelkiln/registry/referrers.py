"""A package's record in a registry: an artifact that refers to the image (OCI 1.1 `subject`).

Found through the referrers API, and where a registry has none through the tag `sha256-<hex>` of
the image's digest, which names an index of all that refers to it (distribution-spec 1.1,
"Referrers Tag Schema").
"""

import json
from typing import Any, Mapping, Optional

from modelkiln.canonical import canonical_json
from modelkiln.descriptor import INDEX, MANIFEST, Descriptor
from modelkiln.digest import hex_of
from modelkiln.errors import ModelkilnError
from modelkiln.registry.session import RegistrySession

__all__ = ["EMPTY", "RECORD", "attach", "find_records", "put_manifest", "record_manifest"]

# The artifact's type and its layer's: `package.json` as `pants package` writes it to dist/.
RECORD = "application/vnd.modelkiln.package.v1+json"
# OCI image-spec 1.1, manifest.md, "Guidance for an Empty Descriptor".
EMPTY = b"{}"
_EMPTY_CONFIG = Descriptor.of("application/vnd.oci.empty.v1+json", EMPTY)
_ATTEMPTS = 3


def record_manifest(record: bytes, subject: Descriptor, annotations: Mapping[str, str]) -> tuple[Descriptor, bytes]:
    """Return the manifest whose layer is `record`, and its descriptor."""
    layer = {
        **Descriptor.of(RECORD, record).to_json(),
        "annotations": {"org.opencontainers.image.title": "package.json"},
    }
    content = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": RECORD,
        "config": _EMPTY_CONFIG.to_json(),
        "layers": [layer],
        "subject": subject.to_json(),
        "annotations": dict(annotations),
    }
    data = canonical_json(content)
    return Descriptor.of(MANIFEST, data), data


def put_manifest(session: RegistrySession, reference: str, descriptor: Descriptor, data: bytes) -> Mapping[str, str]:
    """Put a manifest under a digest or a tag; returns the answer's headers."""
    path = f"manifests/{reference}"
    answer = session.request("PUT", path, {"Content-Type": descriptor.media_type}, data)
    if answer.status != 201:
        raise session.error(path, session.check_kind(path, answer))
    told = answer.headers.get("docker-content-digest", descriptor.digest)
    if told != descriptor.digest:
        raise ModelkilnError(
            f"{session.repository}: {path}: the registry says it took {told}, want {descriptor.digest}. "
            "It, or a proxy before it, is broken or lies."
        )
    return answer.headers


def attach(session: RegistrySession, descriptor: Descriptor, data: bytes) -> bool:
    """Put the artifact `data`, which has a `subject`, so that it is found; False when all was there.

    Other entries of the fallback tag's index are kept. Two publishers may still overwrite each
    other's there: whoever does not find its own afterwards tries again.
    """
    subject = Descriptor.from_json(json.loads(data)["subject"])
    if _is_listed(_referrers(session, subject.digest), descriptor.digest):
        return False
    headers = put_manifest(session, descriptor.digest, descriptor, data)
    if headers.get("oci-subject") == subject.digest:
        return True
    entry = {**descriptor.to_json(), "artifactType": json.loads(data)["artifactType"]}
    entry["annotations"] = json.loads(data).get("annotations") or {}
    tag = _fallback_tag(subject.digest)
    for _ in range(_ATTEMPTS):
        others = [one for one in _fallback(session, subject.digest) if one.get("digest") != descriptor.digest]
        index = canonical_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [*others, entry]})
        put_manifest(session, tag, Descriptor.of(INDEX, index), index)
        if _is_listed(_fallback(session, subject.digest), descriptor.digest):
            return True
    raise ModelkilnError(
        f"{session.repository}: tag {tag}: others replaced it {_ATTEMPTS} times while the record was added. Try again."
    )


def find_records(session: RegistrySession, digest: str) -> list[Descriptor]:
    """Return the manifests of records that refer to the manifest `digest`, the latest last."""
    return [
        Descriptor.from_json(entry, f"{session.repository}: referrers of {digest}")
        for entry in _referrers(session, digest)
        if entry.get("artifactType") == RECORD
    ]


def _is_listed(entries: list[Mapping[str, Any]], digest: str) -> bool:
    return any(entry.get("digest") == digest for entry in entries)


def _referrers(session: RegistrySession, digest: str) -> list[Mapping[str, Any]]:
    path = f"referrers/{digest}"
    answer = session.request("GET", path, {"Accept": INDEX}, follow=True)
    # A registry without the API answers 404; what else is there only the fallback tag tells.
    if answer.status == 200 and answer.headers.get("content-type", "").startswith(INDEX):
        return _entries(answer.body, f"{session.repository}: {path}")
    return _fallback(session, digest)


def _fallback(session: RegistrySession, digest: str) -> list[Mapping[str, Any]]:
    tag = _fallback_tag(digest)
    found = session.read_manifest(tag)
    return _entries(found[1], f"{session.repository}: tag {tag}") if found else []


def _fallback_tag(digest: str) -> str:
    return f"sha256-{hex_of(digest)}"


def _entries(data: bytes, where: str) -> list[Mapping[str, Any]]:
    content: Optional[Any] = None
    try:
        content = json.loads(data)
        entries = content["manifests"]
        if isinstance(entries, list) and all(isinstance(one, dict) for one in entries):
            return entries
    except (ValueError, KeyError, TypeError):
        pass
    raise ModelkilnError(f"{where}: is not an index of referrers. Remove it from the registry, or mend it.")
