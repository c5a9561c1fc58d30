"""What a package's publisher puts next to it: record, bills of materials, provenance, as artifacts that refer to it.

Image-spec 1.1, `subject`; the types are CycloneDX's and in-toto's own, by which other tools find them.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Mapping, Optional, Sequence

from modelkiln.attestation.provenance import provenance
from modelkiln.attestation.statement import PAYLOAD_TYPE, Statement, Subject
from modelkiln.conventions import ARTIFACT_TYPE, PREDICATE_ANNOTATIONS, RECORD_TYPE, SBOM_PATH, SBOM_TYPE, WEIGHTS_LABEL
from modelkiln.descriptor import CONFIG, EMPTY, MANIFEST, Descriptor
from modelkiln.errors import ModelkilnError, reason
from modelkiln.image.config import parse_config
from modelkiln.image.contents import Contents, Document
from modelkiln.image.record_layer import read_from_record_layer, titled
from modelkiln.package.outside import read_record
from modelkiln.package.record import PACKAGE_LABEL, variant_records
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.referrers import artifact_manifest, attach_all, find_referrers
from modelkiln.registry.uploads import upload_bytes

__all__ = [
    "Attachment",
    "as_statement",
    "attach_missing",
    "attached_statements",
    "attachments_of",
    "manifest_bom",
    "read_statement",
]

Read = Callable[[Descriptor], bytes]

# Small blobs that are sent at the same time: each takes three answers of the registry.
_THREADS = 4


@dataclass(frozen=True)
class Attachment:
    """One artifact that refers to `subject`. content: its one layer, called `title`."""

    subject: Descriptor
    artifact_type: str
    title: str
    content: bytes = field(repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)

    def manifest(self) -> tuple[Descriptor, bytes]:
        """Return its manifest, and that one's descriptor."""
        return artifact_manifest(self.content, self.artifact_type, self.title, self.subject, self.annotations)

    @property
    def statement(self) -> Optional[bytes]:
        """What it states of its subject, as it can be signed; None for the record."""
        return as_statement(self.artifact_type, self.content, self.subject)


def as_statement(media_type: str, content: bytes, subject: Descriptor) -> Optional[bytes]:
    """Return the in-toto statement that an artifact of a type is, or that it makes with what it refers to; None for
    one of another type. Raises ModelkilnError for a bill of materials that is not JSON."""
    if media_type == PAYLOAD_TYPE:
        return content
    if media_type != SBOM_TYPE:
        return None
    # Imported here, as below: few publications make a bill, and all would wait for what makes it.
    from modelkiln.attestation.sbom.bom import bom_statement

    try:
        return bom_statement(json.loads(content), (Subject("", subject.digest),)).to_bytes()
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelkilnError(f"{subject.digest}: its bill of materials is not one ({reason(error)}).") from None


def attachments_of(contents: Contents, read: Read, record: bytes, builder: str) -> tuple[Attachment, ...]:
    """Return what to put next to what a layout consists of: to what a tag means the record, and to it and to each
    manifest in it a bill of materials and the provenance.

    read: returns a small blob. record: the package's, as it lies in `dist/`. builder: see `provenance`. Raises
    ModelkilnError for what is not a record.
    """
    content, annotations = _parsed(record)
    found = [Attachment(one, RECORD_TYPE, "package.json", record, annotations) for one in contents.tops]
    for document in contents.manifests:
        bom = manifest_bom(document, read, content)
        if bom is not None:
            title = f"{content.get('name') or 'package'}.cdx.json"
            # A tag means an index: what knows nothing of platforms finds the bill of each image there.
            for subject in dict.fromkeys((document.descriptor, *contents.tops)):
                found.append(Attachment(subject, SBOM_TYPE, title, bom, annotations))
    subjects = tuple(Subject(str(content.get("name") or ""), one.digest) for one in contents.signed)
    statement = provenance(content, subjects, builder)
    noted = {**annotations, PREDICATE_ANNOTATIONS[0]: statement.predicate_type}
    title = f"{content.get('name') or 'package'}.provenance.json"
    found += [Attachment(one, PAYLOAD_TYPE, title, statement.to_bytes(), noted) for one in contents.signed]
    return tuple(found)


def read_statement(path: Path) -> Statement:
    """Return the in-toto statement in a file; raises ModelkilnError for what is not one."""
    try:
        return Statement.read(path.read_bytes(), f"--statement {path}")
    except OSError as error:
        raise ModelkilnError(f"--statement {path}: cannot be read ({error.strerror}).") from None


def attached_statements(contents: Contents, statements: Iterable[Statement]) -> tuple[Attachment, ...]:
    """Return statements with the manifests that they are about; what is about something else is left out."""
    found = []
    for statement in statements:
        title = f"{statement.predicate_type.rstrip('/').split('/')[-2:][0]}.json"
        noted = {PREDICATE_ANNOTATIONS[0]: statement.predicate_type}
        about = [one for one in contents.signed if statement.is_about(one.digest)]
        found += [Attachment(one, PAYLOAD_TYPE, title, statement.to_bytes(), noted) for one in about]
    return tuple(found)


def attach_missing(client: RegistryClient, attachments: Sequence[Attachment]) -> list[Attachment]:
    """Put what refers to the package and is not there; returns that."""
    manifests = [one.manifest() for one in attachments]
    missing: dict[bytes, None] = {}
    listed: dict[str, set[str]] = {}
    for one, (descriptor, _) in zip(attachments, manifests):
        subject = one.subject.digest
        if subject not in listed:
            listed[subject] = {found.digest for found in find_referrers(client, subject)}
        if descriptor.digest not in listed[subject]:
            missing.update({EMPTY: None, one.content: None})
    if not missing:
        return []
    with ThreadPoolExecutor(_THREADS) as pool:  # Each once: django-oci fails for a blob that it has.
        list(pool.map(partial(upload_bytes, client), missing))
    added = {descriptor.digest for descriptor in attach_all(client, manifests, listed)}
    return [one for one, (descriptor, _) in zip(attachments, manifests) if descriptor.digest in added]


def _parsed(record: bytes) -> tuple[Mapping[str, Any], dict[str, str]]:
    """The record, and what a list of referrers shows of it."""
    content = read_record(record, "what should be the record", "Give one with --record.")
    named = {"title": content.get("name"), "version": content.get("version")}
    found = {f"org.opencontainers.image.{key}": value for key, value in named.items() if isinstance(value, str)}
    return content, {**found, PACKAGE_LABEL: content["package_digest"]}


def manifest_bom(document: Document, read: Read, record: Mapping[str, Any]) -> Optional[bytes]:
    """Return the bill of an image, which is in it, or of an image or artifact of weights, which the record makes.

    None for an index, and for an image of a release that wrote none.
    """
    if document.descriptor.media_type != MANIFEST:
        return None
    described = Descriptor.from_json(document.content.get("config", {}), document.descriptor.digest)
    config = parse_config(read(described), described.digest) if described.media_type == CONFIG else {}
    labels = (config.get("config") or {}).get("Labels") or {}
    variant = next(iter(_with_artifacts(record)), None)
    is_weights = document.content.get("artifactType") == ARTIFACT_TYPE or WEIGHTS_LABEL in labels
    if is_weights and PACKAGE_LABEL not in labels:
        from modelkiln.attestation.sbom.bom import WEIGHTS, bom_bytes, package_bom

        return bom_bytes(package_bom(variant, WEIGHTS)) if variant is not None else None
    layers = [Descriptor.from_json(layer, document.descriptor.digest) for layer in document.content.get("layers") or ()]
    return read_from_record_layer(titled(layers, config), read, (SBOM_PATH,), document.descriptor.digest)


def _with_artifacts(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Records that list files: that of an index is not one, and its variants have the same weights."""
    return (one for one in variant_records(record) if one.get("artifacts"))
