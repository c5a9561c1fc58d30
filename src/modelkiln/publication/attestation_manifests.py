"""Bills of materials and provenance where docker's own tools look: in manifests that an index lists next to images.

`docker buildx imagetools inspect` reads no referrers, and of bills of materials SPDX alone. Specification: BuildKit,
docs/attestations/attestation-storage.md.
"""

import json
from dataclasses import replace
from typing import Any, Iterator, Mapping, Sequence

from modelkiln.archives.decompression import compression_of
from modelkiln.attestation.provenance import provenance
from modelkiln.attestation.sbom.spdx import spdx_document
from modelkiln.attestation.statement import PAYLOAD_TYPE, Statement, Subject
from modelkiln.canonical import document_json
from modelkiln.conventions import PREDICATE_ANNOTATIONS
from modelkiln.descriptor import CONFIG, EMPTY, EMPTY_CONFIG, INDEX, MANIFEST, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.image.config import parse_config
from modelkiln.image.contents import Contents, Document
from modelkiln.image.entries import ATTESTATION_TYPE
from modelkiln.image.layout import platform_index
from modelkiln.package.outside import read_record
from modelkiln.package.record import PACKAGE_LABEL
from modelkiln.publication.attachments import Read, manifest_bom
from modelkiln.publication.publish import Publication

__all__ = ["with_attestation_manifests"]

# The predicate of SPDX (in-toto attestation framework, spec/predicates/spdx.md).
_SPDX = "https://spdx.dev/Document"


def with_attestation_manifests(publication: Publication, where: str) -> Publication:
    """Return a publication whose tags mean an index of its images, and of what is stated about each of them.

    The same package by the same builder has the same index. What has no images with a program, as artifacts and images
    of weights, and what has such manifests already, stays as it is; so does the digest of each image. Raises
    ModelkilnError, with `where`, without a record.
    """
    contents, read = publication.contents, publication.source.read
    images = [one for one in contents.manifests if PACKAGE_LABEL in _labels(one, read)]
    if not images or any(one.is_attestation for one in contents.manifests):
        return publication
    if publication.record is None:
        raise ModelkilnError(
            f"{where}: is to get attestation manifests, which are made of the record of the package, and that is not "
            "published. Leave out --no-record, set [modelkiln].publish_record, or give the record with --record."
        )
    record = read_record(publication.record, "what should be the record", "Give one with --record.")
    stated = [tuple(_statements(image, read, record, publication.builder)) for image in images]
    documents = [_attestation_manifest(image.descriptor, own) for image, own in zip(images, stated)]
    listed = [_entry(one.descriptor, image.descriptor) for image, one in zip(images, documents)]
    manifests = (*contents.manifests, *documents, _index(contents.root, read, listed))
    blobs = dict.fromkeys((EMPTY, *(statement.to_bytes() for own in stated for statement in own)))
    return replace(publication, contents=Contents(manifests, contents.blobs), small_blobs=tuple(blobs))


def _statements(image: Document, read: Read, record: Mapping[str, Any], builder: str) -> Iterator[Statement]:
    """What is stated about an image: its bill of materials and how it was made."""
    subjects = (Subject(str(record.get("name") or ""), image.descriptor.digest),)
    bom = manifest_bom(image, read, record)
    if bom is not None:  # Of an image of a release that wrote none.
        yield Statement.of(subjects, _SPDX, spdx_document(json.loads(bom)))
    yield provenance(record, subjects, builder)


def _labels(image: Document, read: Read) -> Mapping[str, str]:
    return (_config(image, read).get("config") or {}).get("Labels") or {}


def _config(image: Document, read: Read) -> Mapping[str, Any]:
    if image.descriptor.media_type != MANIFEST:
        return {}
    descriptor = Descriptor.from_json(image.content["config"], image.descriptor.digest)
    return parse_config(read(descriptor), descriptor.digest) if descriptor.media_type == CONFIG else {}


def _attestation_manifest(subject: Descriptor, statements: Sequence[Statement]) -> Document:
    layers = [
        {
            **Descriptor.of(PAYLOAD_TYPE, statement.to_bytes()).to_json(),
            "annotations": {PREDICATE_ANNOTATIONS[0]: statement.predicate_type},
        }
        for statement in statements
    ]
    data = document_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": ATTESTATION_TYPE,
            "config": EMPTY_CONFIG.to_json(),
            "layers": layers,
            "subject": subject.to_json(),
        }
    )
    return Document(Descriptor.of(MANIFEST, data), data)


def _entry(manifest: Descriptor, image: Descriptor) -> dict[str, Any]:
    """What an index says of an attestation manifest: no platform takes it for its image."""
    return {
        **manifest.to_json(),
        "annotations": {
            "vnd.docker.reference.digest": image.digest,
            "vnd.docker.reference.type": "attestation-manifest",
        },
        "platform": {"architecture": "unknown", "os": "unknown"},
    }


def _index(root: Document, read: Read, listed: Sequence[Mapping[str, Any]]) -> Document:
    """The index of what the tag meant, an image or an index, and of `listed` after it."""
    if root.descriptor.media_type == INDEX:
        index = dict(root.content)
    else:
        config = _config(root, read)
        parts = (config.get(key) for key in ("os", "architecture", "variant"))
        platform = "/".join(str(part) for part in parts if part)
        has_zstd = any(compression_of(layer["mediaType"]) == "zstd" for layer in root.content["layers"])
        annotations = root.content.get("annotations") or {}
        index = json.loads(platform_index([(root.descriptor, platform, {}, has_zstd)], annotations))
    data = document_json({**index, "manifests": [*index["manifests"], *listed]})
    return Document(Descriptor.of(INDEX, data), data)
