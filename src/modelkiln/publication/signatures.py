"""Signatures of a package in a registry or a layout: bundles that refer to its manifests, as cosign 3 has them.

Specification: sigstore/cosign, specs/BUNDLE_SPEC.md, "OCI image attestation storage"; image-spec 1.1, `subject`.
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Iterator, Mapping, Optional, Sequence

from modelkiln.attestation.bundle import BUNDLE_TYPE, LARGEST_BUNDLE, REPOSITORY_LABEL, SIGN, Bundle, FoundBundle
from modelkiln.attestation.statement import PAYLOAD_TYPE, Statement, Subject
from modelkiln.canonical import document_json
from modelkiln.conventions import SBOM_TYPE
from modelkiln.descriptor import EMPTY, EMPTY_CONFIG, MANIFEST, Descriptor
from modelkiln.errors import ModelkilnError, reason
from modelkiln.frozen_json import FrozenJson
from modelkiln.image.layout import Layout, blob_name
from modelkiln.machine.outputs import write_file
from modelkiln.package.record import PACKAGE_LABEL
from modelkiln.publication.attachments import as_statement
from modelkiln.registry.blobs import blob_chunks
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.referrers import attach, find_referrers
from modelkiln.registry.uploads import upload_bytes

if TYPE_CHECKING:
    from modelkiln.attestation.signing.keys import PublicKey
    from modelkiln.attestation.signing.signer import Signer

__all__ = [
    "Signed",
    "Unsigned",
    "attach_bundle",
    "bundles_in_layout",
    "bundles_in_registry",
    "package_digest",
    "sign_in_layout",
    "sign_in_registries",
    "statements_in_registry",
]

_PREDICATE = "dev.sigstore.bundle.predicateType"
# Bundles of one package that are read. Anybody who may write to a repository may add thousands.
_MOST_BUNDLES = 200
_MOST_BYTES = 256 << 20


@dataclass(frozen=True)
class Signed:
    """What was signed: a manifest of a repository ("" in a layout), by a statement of which type, and whether it was
    not signed so before."""

    repository: str
    digest: str
    predicate_type: str
    is_new: bool


@dataclass(frozen=True)
class Unsigned:
    """What of a repository is to be signed.

    subjects: what a reference names first, then the manifests in it. package_digest: that of its record, or "".
    stated: what else to sign, with what each refers to: all who may write to a repository may put statements there.
    """

    client: RegistryClient
    subjects: Sequence[Descriptor]
    package_digest: str = ""
    stated: tuple[tuple[Descriptor, bytes], ...] = ()

    def statements(self) -> list[tuple[Descriptor, bytes]]:
        """What to sign: of each manifest that it is the package's, and what else is stated."""
        repository, subjects = self.client.repository.image, self.subjects
        found = [(subjects[0], package_statement(subjects[0].digest, self.package_digest, repository))]
        found += [(one, package_statement(one.digest, "", repository)) for one in subjects[1:]]
        return [*found, *self.stated]


def sign_in_registries(places: Sequence[Unsigned], signer: "Signer", environ: Mapping[str, str]) -> list[Signed]:
    """Sign what lies in repositories; what is signed so already stays. A passphrase is asked for once."""
    wanted = [(place.client, subject, data) for place in places for subject, data in place.statements()]
    public, bundles = signer.sign([data for _, _, data in wanted], environ)
    done = []
    for (client, subject, data), bundle in zip(wanted, bundles):
        is_new = not any(_is_same(found, bundle, public, signer) for found in _bundles(client, subject.digest))
        if is_new:
            attach_bundle(client, signer.stamped(bundle, client.env).to_bytes(), subject)
        done.append(Signed(client.repository.image, subject.digest, _predicate_type(data), is_new))
    return done


def package_statement(digest: str, package_digest: str, repository: str) -> bytes:
    """Return what a signature says: these bytes, of this package, were signed for this place."""
    stated = {PACKAGE_LABEL: package_digest, REPOSITORY_LABEL: repository}
    annotations = FrozenJson.of({key: value for key, value in stated.items() if value})
    return Statement.of((Subject("", digest, annotations),), SIGN, {}).to_bytes()


def package_digest(record: Optional[bytes]) -> str:
    """Return the digest that a package's record states, "" without one."""
    return str(json.loads(record)["package_digest"]) if record else ""


def bundles_in_registry(client: RegistryClient, digest: str) -> list[FoundBundle]:
    """Return the bundles that refer to a manifest, the latest first; raises ModelkilnError where there are too many."""
    return list(_bundles(client, digest))


def bundles_in_layout(layout: Layout, digest: str) -> list[FoundBundle]:
    """Return the bundles that refer to a manifest of a layout; raises ModelkilnError where there are too many."""
    listed = [one for one in layout.referrers(digest) if one.media_type == MANIFEST]
    return list(_read_all(listed, layout.read_blob, str(layout.path), digest))


def statements_in_registry(
    client: RegistryClient, subjects: Sequence[Descriptor]
) -> tuple[tuple[Descriptor, bytes], ...]:
    """Return the statements about manifests that lie next to them, bills of materials as such; what is about something
    else is left out."""
    return tuple((subject, data) for subject in subjects for data in _statements(client, subject))


def _statements(client: RegistryClient, subject: Descriptor) -> Iterator[bytes]:
    for descriptor in find_referrers(client, subject.digest):
        found = client.find_manifest(descriptor.digest)
        if found is None or descriptor.media_type != MANIFEST:  # One that is listed and gone is none.
            continue
        where = f"{client.repository}: {descriptor.digest}"
        for kind in (PAYLOAD_TYPE, SBOM_TYPE):
            for layer in _layers(found[1], kind, where):
                statement = as_statement(kind, _read_blob(client, _small(layer, where)), subject)
                if statement is not None and Statement.read(statement, where).is_about(subject.digest):
                    yield statement


def _read_blob(client: RegistryClient, blob: Descriptor) -> bytes:
    data = b"".join(blob_chunks(client, blob))
    client.check_bytes(f"blobs/{blob.digest}", data, blob.digest)
    return data


def sign_in_layout(
    layout: Layout, subjects: Sequence[Descriptor], package_digest: str, signer: "Signer", environ: Mapping[str, str]
) -> list[Signed]:
    """Sign manifests of a layout; the bundles are listed in it next to what they refer to."""
    payloads = [package_statement(one.digest, package_digest * (one is subjects[0]), "") for one in subjects]
    entries, done = [], []
    public, bundles = signer.sign(payloads, environ)
    for subject, bundle in zip(subjects, bundles):
        there = bundles_in_layout(layout, subject.digest)
        is_new = not any(_is_same(found, bundle, public, signer) for found in there)
        if is_new:
            data = signer.stamped(bundle, environ).to_bytes()
            descriptor, manifest = bundle_manifest(data, SIGN, subject)
            for blob in (EMPTY, data, manifest):
                write_file(layout.path / blob_name(Descriptor.of("", blob).digest), blob)
            entries.append({**descriptor.to_json(), "artifactType": BUNDLE_TYPE, "annotations": _annotations(SIGN)})
        done.append(Signed("", subject.digest, SIGN, is_new))
    if entries:
        index = {**layout.index, "manifests": [*layout.index["manifests"], *entries]}
        write_file(layout.path / "index.json", document_json(index))
    return done


def attach_bundle(client: RegistryClient, data: bytes, subject: Descriptor) -> bool:
    """Put a bundle where it is found by what it refers to; False when it was there."""
    payload = Bundle.read(data, f"{client.repository}: bundle").payload
    descriptor, manifest = bundle_manifest(data, _predicate_type(payload), subject)
    for blob in (EMPTY, data):
        upload_bytes(client, blob)
    return attach(client, descriptor, manifest)


def bundle_manifest(bundle: bytes, predicate_type: str, subject: Descriptor) -> tuple[Descriptor, bytes]:
    """Return the manifest whose layer is `bundle`, and its descriptor."""
    content = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": BUNDLE_TYPE,
        "config": EMPTY_CONFIG.to_json(),
        "layers": [Descriptor.of(BUNDLE_TYPE, bundle).to_json()],
        "subject": subject.to_json(),
        "annotations": _annotations(predicate_type),
    }
    data = document_json(content)
    return Descriptor.of(MANIFEST, data), data


def _annotations(predicate_type: str) -> dict[str, str]:
    return {"dev.sigstore.bundle.content": "dsse-envelope", _PREDICATE: predicate_type}


def _predicate_type(payload: bytes) -> str:
    return Statement.read(payload, "statement").predicate_type


def _is_same(found: FoundBundle, bundle: Bundle, public: Optional["PublicKey"], signer: "Signer") -> bool:
    """Whether a bundle says the same by the same key, of which each signature may be another; with a timestamp, where
    the signer has one made. public: None where each signature has a key of its own; then it is by the same names."""
    try:
        other = Bundle.read(found.data, found.where)
        if public is None:
            return other.payload == bundle.payload and _signed_by(other) == _signed_by(bundle)
    except ModelkilnError:
        return False
    same = (other.payload, other.certificates) == (bundle.payload, bundle.certificates[:1])
    same = same and bool(other.timestamps or not signer.timestamp_url)
    return same and public.verifies(other.message, other.signature)


def _signed_by(bundle: Bundle) -> tuple[tuple[str, ...], str]:
    """Whom the certificate of a bundle names, and who has vouched for that."""
    if not bundle.certificates:
        return (), ""
    # Publishing, which signs nothing as a rule, starts without all that reads certificates.
    from modelkiln.attestation.signing.certificates import identity_of

    found = identity_of(bundle.certificates[0], "bundle")
    return (found.names, found.issuer) if found.key.verifies(bundle.message, bundle.signature) else ((), "")


def _bundles(client: RegistryClient, digest: str) -> Iterator[FoundBundle]:
    def read(descriptor: Descriptor) -> bytes:
        is_manifest = descriptor.media_type == MANIFEST
        return client.read_manifest(descriptor.digest) if is_manifest else _read_blob(client, descriptor)

    listed = [one for one in find_referrers(client, digest, BUNDLE_TYPE) if one.media_type == MANIFEST]
    return _read_all(listed[::-1], read, str(client.repository), digest)


def _read_all(
    listed: Sequence[Descriptor], read: Callable[[Descriptor], bytes], where: str, digest: str
) -> Iterator[FoundBundle]:
    """The bundles of manifests; of one that cannot be read, why."""
    _check_number(len(listed), where, digest)
    number, size = 0, 0
    for descriptor in listed:
        try:
            layers = _layers(read(descriptor), BUNDLE_TYPE, f"{where}: {descriptor.digest}")
        except ModelkilnError as error:
            yield FoundBundle(f"manifest {descriptor.digest}", b"", str(error))
            continue
        number += len(layers)
        _check_number(number, where, digest)
        for layer in layers:
            name = f"bundle {layer.digest}"
            try:
                size += _small(layer, name).size
                if size > _MOST_BYTES:
                    raise ModelkilnError(f"{name}: is not read: all have more than {_MOST_BYTES} bytes.")
                yield FoundBundle(name, read(layer))
            except ModelkilnError as error:
                yield FoundBundle(name, b"", str(error))


def _check_number(number: int, where: str, digest: str) -> None:
    if number > _MOST_BUNDLES:
        raise ModelkilnError(
            f"{where}: {number} bundles refer to {digest}, and at most {_MOST_BUNDLES} are read. Remove those that "
            "nobody needs."
        )


def _layers(manifest: bytes, media_type: str, where: str) -> list[Descriptor]:
    """The layers of a type that a manifest has; raises ModelkilnError for what is not a manifest."""
    try:
        layers = json.loads(manifest)["layers"] or ()
        own = [one for one in layers if one["mediaType"] == media_type]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelkilnError(f"{where}: is not a manifest of an artifact ({reason(error)}).") from None
    return [Descriptor.from_json(one, where) for one in own]


def _small(layer: Descriptor, where: str) -> Descriptor:
    if layer.size > LARGEST_BUNDLE:
        raise ModelkilnError(f"{where}: has {layer.size} bytes; the largest that is read has {LARGEST_BUNDLE}.")
    return layer
