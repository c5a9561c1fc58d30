"""What is said about a package, wherever that lies: in a file, in a layout, or in a registry."""

import json
from typing import TYPE_CHECKING, Iterable, Iterator, Optional

from modelkiln.attestation.provenance import PROVENANCE, products, provenance
from modelkiln.attestation.statement import PAYLOAD_TYPE, Statement, Subject
from modelkiln.conventions import SBOM_TYPE
from modelkiln.descriptor import INDEX, MANIFEST, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.image.contents import Document, contents_of
from modelkiln.image.layout import Layout
from modelkiln.package.outside import read_record
from modelkiln.publication.attachments import Read, manifest_bom
from modelkiln.wording import counted

if TYPE_CHECKING:
    from modelkiln.publication.remote_package import RemotePackage

__all__ = ["layout_bom", "layout_provenance", "remote_bom", "remote_provenance"]

_AGAIN = "Package it with this release of Modelkiln."


def layout_bom(layout: Layout, image: Optional[str], read: Read, record: Optional[bytes]) -> bytes:
    """Return the bill of the image or artifact in a layout; image: which one, where it holds several."""
    document = _only(contents_of(layout, layout.select(image)).manifests, str(layout.path))
    bom = manifest_bom(document, read, read_record(record, str(layout.path), needs=()) if record else {})
    bom = bom or next(_in_layout(layout, document.descriptor, SBOM_TYPE), None)
    if bom is None:
        raise ModelkilnError(f"{layout.path}: has no bill of materials in it. {_AGAIN}")
    return bom


def layout_provenance(layout: Layout, image: Optional[str], record: Optional[bytes], builder: str) -> Statement:
    """Return how the package of a layout was made: by the statement that came with it out of a registry, else by the
    record next to it. builder: who has built it, for the latter."""
    root = contents_of(layout, layout.select(image)).root.descriptor
    stated = _latest(_in_layout(layout, root, PAYLOAD_TYPE), root, str(layout.path))
    if stated is not None and not builder:
        return stated
    if record is None:
        raise ModelkilnError(
            f"{layout.path}: its record does not lie next to it, and states how it was made. Give it with --record."
        )
    content = read_record(record, str(layout.path), needs=())
    signed = contents_of(layout, layout.select(image)).signed
    made = {one.digest for one in products(content)}
    own = tuple(Subject(str(content.get("name") or ""), one.digest) for one in signed if one.digest not in made)
    return provenance(content, (*products(content), *own), builder)


def remote_bom(package: "RemotePackage", image: Optional[str]) -> bytes:
    """Return the bill of an image or artifact in a registry: what is in it, else the latest that refers to it."""
    documents = [one for one in package.contents.manifests if one.descriptor.media_type != INDEX]
    if image:
        documents = [one for one in documents if image in (one.descriptor.digest, _platform(package, one))]
    document = _only(documents, str(package.reference))
    bom = manifest_bom(document, package.read, json.loads(package.record() or b"{}"))
    bom = bom or next(_referring(package, document.descriptor, SBOM_TYPE), None)
    if bom is None:
        raise ModelkilnError(f"{package.reference}: has no bill of materials, and none refers to it.")
    return bom


def remote_provenance(package: "RemotePackage") -> Statement:
    """Return how a package in a registry was made, by the latest statement that refers to it."""
    root = package.contents.root.descriptor
    stated = _latest(_referring(package, root, PAYLOAD_TYPE), root, str(package.reference))
    if stated is not None:
        return stated
    raise ModelkilnError(
        f"{package.reference}: no provenance refers to it. Those of packages are added when they are published, unless "
        "[modelkiln].publish_record or --no-record turns it off."
    )


def _referring(package: "RemotePackage", subject: Descriptor, media_type: str) -> Iterator[bytes]:
    for manifest in reversed(package.referring(subject, media_type)):
        for layer in manifest.content.get("layers") or ():
            if layer.get("mediaType") == media_type:
                yield package.read(Descriptor.from_json(layer, str(package.reference)))


def _in_layout(layout: Layout, subject: Descriptor, media_type: str) -> Iterator[bytes]:
    for descriptor in reversed(layout.referrers(subject.digest)):
        content = layout.read_json(descriptor) if descriptor.media_type == MANIFEST else {}
        for layer in content.get("layers") or ():
            if layer.get("mediaType") == media_type:
                yield layout.read_blob(Descriptor.from_json(layer, str(layout.path)))


def _latest(statements: Iterable[bytes], subject: Descriptor, where: str) -> Optional[Statement]:
    """The first of the statements that is a provenance of `subject`."""
    for data in statements:
        statement = Statement.read(data, f"{where}: statement")
        if statement.predicate_type == PROVENANCE and statement.is_about(subject.digest):
            return statement
    return None


def _platform(package: "RemotePackage", document: Document) -> str:
    config = package.config(document)
    return f"{config.get('os')}/{config.get('architecture')}"


def _only(documents: Iterable[Document], where: str) -> Document:
    found = [one for one in documents if one.descriptor.media_type != INDEX and not one.is_attestation]
    if len(found) != 1:
        raise ModelkilnError(
            f"{where}: holds {counted(len(found), 'image')}, want one. Name it with --image, by its platform "
            "(linux/arm64) or its digest."
        )
    return found[0]
