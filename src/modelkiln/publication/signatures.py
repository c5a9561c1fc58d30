"""Signatures of a package in a registry or a layout: bundles that refer to its manifests, as cosign 3 has them.

Specification: sigstore/cosign, specs/BUNDLE_SPEC.md, "OCI image attestation storage"; image-spec 1.1, `subject`.
"""

import json
import os
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from modelkiln.attestation.bundle import BUNDLE_TYPE, LARGEST_BUNDLE, Bundle
from modelkiln.attestation.judgement import REPOSITORY_LABEL, FoundBundle
from modelkiln.attestation.policy import SIGN
from modelkiln.attestation.signing.keys import PublicKey
from modelkiln.attestation.signing.signer import Signer
from modelkiln.attestation.statement import PAYLOAD_TYPE, Statement, Subject
from modelkiln.canonical import document_json
from modelkiln.descriptor import MANIFEST, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.frozen_json import FrozenJson
from modelkiln.image.layout import Layout, blob_name
from modelkiln.package.record import PACKAGE_LABEL
from modelkiln.registry.blobs import has_blob, read_blob
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.referrers import EMPTY, attach, find_referrers
from modelkiln.registry.uploads import upload_blob

__all__ = ["Signed", "bundles_in_layout", "bundles_in_registry", "sign_in_layout", "sign_in_registry"]

_EMPTY_CONFIG = Descriptor.of("application/vnd.oci.empty.v1+json", EMPTY)
_PREDICATE = "dev.sigstore.bundle.predicateType"
# Bundles of one package that are read. Anybody who may write to a repository may add thousands.
_MOST_BUNDLES = 200


@dataclass(frozen=True)
class Signed:
    """What was signed: a manifest's digest, the type of the predicate, and whether it was not signed so before."""

    digest: str
    predicate_type: str
    is_new: bool


def sign_in_registry(
    client: RegistryClient,
    subjects: Sequence[Descriptor],
    package_digest: str,
    signer: Signer,
    environ: Mapping[str, str],
) -> list[Signed]:
    """Sign manifests of a repository, and the statements that refer to them; what is signed so already stays.

    subjects: what a reference names first, then the manifests in it. package_digest: that of its record, or "".
    """
    repository = client.repository.image
    wanted = [(subjects[0], package_statement(subjects[0].digest, package_digest, repository))]
    wanted += [(one, package_statement(one.digest, "", repository)) for one in subjects[1:]]
    wanted += [(one, data) for one in subjects for data in _statements(client, one)]
    public, bundles = signer.sign([data for _, data in wanted], environ)
    done = []
    for (subject, data), bundle in zip(wanted, bundles):
        is_new = not any(_is_same(found, bundle, public) for found in _bundles(client, subject.digest))
        if is_new:
            _attach(client, bundle, subject)
        done.append(Signed(subject.digest, _predicate_type(data), is_new))
    return done


def package_statement(digest: str, package_digest: str, repository: str) -> bytes:
    """Return what a signature says: these bytes, of this package, were signed for this place."""
    stated = {PACKAGE_LABEL: package_digest, REPOSITORY_LABEL: repository}
    annotations = FrozenJson.of({key: value for key, value in stated.items() if value})
    return Statement.of((Subject("", digest, annotations),), SIGN, {}).to_bytes()


def bundles_in_registry(client: RegistryClient, digest: str) -> list[FoundBundle]:
    """Return the bundles that refer to a manifest, the latest first; raises ModelkilnError where there are too many."""
    return list(_bundles(client, digest))


def bundles_in_layout(layout: Layout, digest: str) -> list[FoundBundle]:
    """Return the bundles that refer to a manifest of a layout."""
    found = []
    for descriptor in layout.referrers(digest):
        content = layout.read_json(descriptor) if descriptor.media_type == MANIFEST else {}
        for layer in _layers(content, BUNDLE_TYPE, f"{layout.path}: {descriptor.digest}"):
            where = f"bundle {layer.digest}"
            found.append(FoundBundle(where, layout.read_blob(_small(layer, where))))
    return found


def sign_in_layout(
    layout: Layout, subjects: Sequence[Descriptor], package_digest: str, signer: Signer, environ: Mapping[str, str]
) -> list[Signed]:
    """Sign manifests of a layout; the bundles are listed in it next to what they refer to."""
    payloads = [package_statement(one.digest, package_digest * (one is subjects[0]), "") for one in subjects]
    entries, done = [], []
    public, bundles = signer.sign(payloads, environ)
    for subject, bundle in zip(subjects, bundles):
        is_new = not any(_is_same(found, bundle, public) for found in bundles_in_layout(layout, subject.digest))
        if is_new:
            data = bundle.to_bytes()
            descriptor, manifest = bundle_manifest(data, SIGN, subject)
            for blob in (EMPTY, data, manifest):
                _write(layout.path / blob_name(Descriptor.of("", blob).digest), blob)
            entries.append({**descriptor.to_json(), "artifactType": BUNDLE_TYPE, "annotations": _annotations(SIGN)})
        done.append(Signed(subject.digest, SIGN, is_new))
    if entries:
        index = {**layout.index, "manifests": [*layout.index["manifests"], *entries]}
        _write(layout.path / "index.json", document_json(index))
    return done


def bundle_manifest(bundle: bytes, predicate_type: str, subject: Descriptor) -> tuple[Descriptor, bytes]:
    """Return the manifest whose layer is `bundle`, and its descriptor."""
    content = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": BUNDLE_TYPE,
        "config": _EMPTY_CONFIG.to_json(),
        "layers": [Descriptor.of(BUNDLE_TYPE, bundle).to_json()],
        "subject": subject.to_json(),
        "annotations": _annotations(predicate_type),
    }
    data = document_json(content)
    return Descriptor.of(MANIFEST, data), data


def _annotations(predicate_type: str) -> dict[str, str]:
    return {"dev.sigstore.bundle.content": "dsse-envelope", _PREDICATE: predicate_type}


def _attach(client: RegistryClient, bundle: Bundle, subject: Descriptor) -> None:
    data = bundle.to_bytes()
    descriptor, manifest = bundle_manifest(data, _predicate_type(bundle.payload), subject)
    for blob in (EMPTY, data):
        one = Descriptor.of("application/octet-stream", blob)
        if not has_blob(client, one):
            upload_blob(client, one, partial(_whole, blob))
    attach(client, descriptor, manifest)


def _whole(blob: bytes) -> Iterator[bytes]:
    yield blob


def _predicate_type(payload: bytes) -> str:
    return Statement.read(payload, "statement").predicate_type


def _is_same(found: FoundBundle, bundle: Bundle, public: PublicKey) -> bool:
    """Whether a bundle says the same by the same key, of which each signature may be another."""
    try:
        other = Bundle.read(found.data, found.where)
    except ModelkilnError:
        return False
    same = (other.payload, other.certificates) == (bundle.payload, bundle.certificates[:1])
    return same and public.verifies(other.message, other.signature)


def _bundles(client: RegistryClient, digest: str) -> Iterator[FoundBundle]:
    listed = find_referrers(client, digest, BUNDLE_TYPE)
    if len(listed) > _MOST_BUNDLES:
        raise ModelkilnError(
            f"{client.repository}: {len(listed)} bundles refer to {digest}, and at most {_MOST_BUNDLES} are read. "
            "Remove those that nobody needs."
        )
    for descriptor in reversed(listed):
        for layer in _layers(_manifest(client, descriptor), BUNDLE_TYPE, f"{client.repository}: {descriptor.digest}"):
            where = f"bundle {layer.digest}"
            yield FoundBundle(where, read_blob(client, _small(layer, where).digest))


def _statements(client: RegistryClient, subject: Descriptor) -> Iterator[bytes]:
    """The statements about a manifest that nobody has signed: its bill of materials, provenance, results of tests."""
    for descriptor in find_referrers(client, subject.digest, PAYLOAD_TYPE):
        for layer in _layers(_manifest(client, descriptor), PAYLOAD_TYPE, f"{client.repository}: {descriptor.digest}"):
            data = read_blob(client, _small(layer, f"statement {layer.digest}").digest)
            # Who signs says it: nothing is signed here that is about something else.
            if Statement.read(data, f"{client.repository}: statement {layer.digest}").is_about(subject.digest):
                yield data


def _manifest(client: RegistryClient, descriptor: Descriptor) -> Mapping[str, Any]:
    found = client.find_manifest(descriptor.digest)
    # One that is listed and gone is none.
    return json.loads(found[1]) if found is not None else {}


def _layers(content: Mapping[str, Any], media_type: str, where: str) -> Iterator[Descriptor]:
    for layer in content.get("layers") or ():
        if isinstance(layer, Mapping) and layer.get("mediaType") == media_type:
            yield Descriptor.from_json(layer, where)


def _small(layer: Descriptor, where: str) -> Descriptor:
    if layer.size > LARGEST_BUNDLE:
        raise ModelkilnError(f"{where}: has {layer.size} bytes; the largest that is read has {LARGEST_BUNDLE}.")
    return layer


def _write(path: Path, data: bytes) -> None:
    """Write a file of a layout, which is whole or not there."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
