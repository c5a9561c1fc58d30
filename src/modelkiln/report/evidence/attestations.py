"""What is stated of a package by what lies with it: signatures, provenance, results of tests, bills of materials."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Iterator, Mapping, Optional

from modelkiln.attestation.sbom.bom_file import file_bom
from modelkiln.attestation.statement import PAYLOAD_TYPE, Statement
from modelkiln.conventions import RECORD_TYPE, SBOM_PATH, SBOM_TYPE
from modelkiln.descriptor import MANIFEST, Descriptor
from modelkiln.digest import sha256_bytes
from modelkiln.errors import ModelkilnError, reason
from modelkiln.image.contents import Document
from modelkiln.image.layout import FoundManifest, Layout
from modelkiln.image.record_layer import read_from_record_layer, titled
from modelkiln.report.package import Package

if TYPE_CHECKING:
    from modelkiln.attestation.policy import Policy

__all__ = ["Attestation", "attestations"]

Read = Callable[[Descriptor], bytes]

# Of one package; anybody who may write to a repository may add thousands.
_MOST = 200
# Bytes of one that is read. Bills of the largest packages have a few MiB.
_LARGEST = 32 << 20
_UNSIGNED = "not signed"


@dataclass(frozen=True)
class Attestation:
    """kind: what it is, in words. about: the digest of the manifest, or "" for what is in a package. says: its content
    in a few words. state: whose signature it has, and whether that counts. names: of the tests that passed. is_signed:
    whether it has a signature, whatever that is worth."""

    kind: str
    about: str
    says: str
    state: str
    names: tuple[str, ...] = ()
    is_signed: bool = False


def attestations(package: Package, policy: "Optional[Policy]" = None, repository: str = "") -> list[Attestation]:
    """Return what lies with a package, in its order: of what a reference names, then of each manifest in it.

    policy: by which signatures count; without one they are only listed. repository: "registry/name", by whose rule a
    layout is judged.
    """
    found = list(_own_bills(package))
    repository = package.remote.reference.image if package.remote else repository
    for subject, document, read in _referring(package):
        if len(found) == _MOST:
            found.append(Attestation("others", "", f"at most {_MOST} are listed", ""))
            break
        found += _stated(subject, document, read, _Judge(package, policy, repository))
    return found


@dataclass(frozen=True)
class _Judge:
    package: Package
    policy: "Optional[Policy]"
    repository: str

    def of_bundle(self, data: bytes, subject: Descriptor, where: str) -> tuple[Statement, str]:
        """What a bundle states, and what its signature is worth."""
        from modelkiln.attestation.bundle import FoundBundle
        from modelkiln.attestation.judgement import Judged, accepted_signer, read_signed

        bundle, statement = read_signed(FoundBundle(where, data))
        if self.policy is None:
            by = "a certificate" if bundle.certificates else "a key"
            return statement, f"signed with {by}; not verified: no policy was named"
        try:
            rule = self.policy.rule_for(self.repository)
            judged = Judged(self.repository, subject.digest, str(self.package.record.get("package_digest") or ""))
            signer = accepted_signer(bundle, statement, judged, rule, where)
            return statement, f"verified: signed by {signer.name}"
        except ModelkilnError as error:
            return statement, f"does not count: {error}"


def _stated(subject: Descriptor, document: Document, read: Read, judge: _Judge) -> Iterator[Attestation]:
    """What an artifact states that refers to `subject`."""
    from modelkiln.attestation.bundle import BUNDLE_TYPE

    kinds = (BUNDLE_TYPE, PAYLOAD_TYPE, SBOM_TYPE, RECORD_TYPE)
    for value in document.content.get("layers") or ():
        kind = value.get("mediaType")
        if kind not in kinds:
            continue
        where = f"manifest {document.descriptor.digest}"
        try:
            layer = Descriptor.from_json(value, where)
            if kind == RECORD_TYPE:  # It is what this page is made from.
                yield Attestation("record", subject.digest, "what went into the package and came out of it", _UNSIGNED)
                continue
            if layer.size > _LARGEST:
                raise ModelkilnError(f"has {layer.size} bytes, and at most {_LARGEST} are read")
            data = read(layer)
            if kind == SBOM_TYPE:
                yield Attestation("bill of materials", subject.digest, _bill(data), _UNSIGNED)
            elif kind == PAYLOAD_TYPE:
                yield _of_statement(Statement.read(data, where), subject, _UNSIGNED, False)
            else:
                statement, state = judge.of_bundle(data, subject, where)
                yield _of_statement(statement, subject, state, True)
        except ModelkilnError as error:
            yield Attestation("unreadable", subject.digest, str(error), "does not count")


def _of_statement(statement: Statement, subject: Descriptor, state: str, is_signed: bool) -> Attestation:
    from modelkiln.attestation.policy import PREDICATES, is_named

    predicate: Mapping[str, Any] = statement.predicate.to_json()
    named = next((name for name in PREDICATES if is_named(statement.predicate_type, name)), "")
    words = {"signature": "signature", "sbom": "bill of materials", "provenance": "provenance"}
    kind = words.get(named, "results of tests" if named == "test-result" else statement.predicate_type)
    says = ""
    names: tuple[str, ...] = ()
    if not statement.is_about(subject.digest):
        state = "does not count: it is about something else"
    if named == "provenance":
        builder = _at(predicate, "runDetails", "builder", "id")
        says = f"built by {builder}" if isinstance(builder, str) else ""
    elif named == "sbom":
        says = _components(predicate)
    elif named == "test-result":
        passed = predicate.get("passedTests")
        names = tuple(str(one) for one in passed) if isinstance(passed, list) else ()
        says = f"{predicate.get('result')}: {', '.join(names)}"
    elif named == "signature":
        from modelkiln.attestation.bundle import REPOSITORY_LABEL

        own = [one.annotations.to_json() for one in statement.subjects if one.digest == subject.digest]
        stated = own[0] if own else {}
        says = f"for {stated[REPOSITORY_LABEL]}" if stated.get(REPOSITORY_LABEL) else ""
    return Attestation(kind, subject.digest, says, state, names, is_signed)


def _bill(data: bytes) -> str:
    try:
        return _components(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise ModelkilnError(f"is not a bill of materials ({reason(error)})") from None


def _components(content: Any) -> str:
    listed = content.get("components") if isinstance(content, Mapping) else None
    form = f"CycloneDX {content.get('specVersion')}" if isinstance(listed, list) else "of another form"
    return f"{form}, {len(listed)} components" if isinstance(listed, list) else form


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _own_bills(package: Package) -> Iterator[Attestation]:
    """The bills that are in a package on this machine; those of a registry refer to it."""
    try:
        if package.kind in ("pex", "wheel") and package.path is not None:
            yield Attestation("bill of materials", "", _bill(file_bom(package.path)), "in the package")
        elif package.kind == "layout" and package.path is not None:
            for found in Layout(package.path).manifests():
                data = _bill_of_image(found, package)
                if data is not None:
                    yield Attestation("bill of materials", found.descriptor.digest, _bill(data), "in the package")
    except ModelkilnError:  # Of an earlier release, or in a layer that is not on this machine.
        return


def _bill_of_image(found: FoundManifest, package: Package) -> Optional[bytes]:
    blobs, where = package.open_blobs(), f"{package.label}: {found.descriptor.digest}"
    assert blobs is not None, "a layout has them"

    def read(descriptor: Descriptor) -> bytes:
        with blobs.open(descriptor) as stream:
            data = stream.read(_LARGEST)
        if sha256_bytes(data) != descriptor.digest:
            raise ModelkilnError(f"{where}: blob {descriptor.digest} is damaged. Package the target again.")
        return data

    config, *layers = found.blobs
    return read_from_record_layer(titled(layers, blobs.layout.read_config(config)), read, (SBOM_PATH,), where)


def _referring(package: Package) -> Iterator[tuple[Descriptor, Document, Read]]:
    """What refers to the manifests of a package, and what reads its parts."""
    if package.remote is not None:
        for subject, documents in package.remote.referrers():
            yield from ((subject, one, package.remote.read) for one in documents)
    elif package.kind == "layout" and package.path is not None:
        layout = Layout(package.path)
        for subject in package.manifests:
            for descriptor in layout.referrers(subject.digest):
                if descriptor.media_type == MANIFEST:
                    yield subject, Document(descriptor, layout.read_blob(descriptor)), layout.read_blob
