"""A bill of materials as SPDX 2.3."""

import json

from attested.described_package import BASE, WHEELS, described_record
from attested.readers import read_spdx

from modelkiln.attestation.sbom.bom import IMAGE, PROGRAM, WEIGHTS, bom_bytes, package_bom
from modelkiln.attestation.sbom.spdx import spdx_document
from modelkiln.canonical import canonical_json


def _document(kind):
    return spdx_document(json.loads(bom_bytes(package_bom(described_record(), kind, WHEELS, BASE))))


def test_spdx_tools_take_every_document(tmp_path):
    """They find nothing wrong, and read every package and relationship."""
    documents = [_document(kind) for kind in (IMAGE, PROGRAM, WEIGHTS)]
    found = read_spdx(tmp_path, *map(canonical_json, documents))
    assert [
        {"problems": [], "packages": len(one["packages"]), "relationships": len(one["relationships"])}
        for one in documents
    ] == found


def test_a_document_has_what_the_bill_has():
    """Components with hash, licence, package URL and source, what needs what, and what contains what."""
    document = _document(IMAGE)
    packages = {one["name"]: one for one in document["packages"]}
    assert "BSD-3-Clause AND Zlib" == packages["numpy"]["licenseDeclared"]
    assert "pkg:pypi/numpy@2.4.6%2Bcpu" == packages["numpy"]["externalRefs"][0]["referenceLocator"]
    assert {"algorithm": "SHA256", "checksumValue": "e1" * 32} == packages["numpy"]["checksums"][0]
    assert ("NOASSERTION", "Acme EULA") == tuple(
        packages["proprietary"][key] for key in ("licenseDeclared", "licenseComments")
    )
    assert "GPL-2.0-or-later, MIT, GPL-2 or Artistic" == packages["python3.11-minimal"]["licenseComments"]
    assert "made of glibc 2.36-9+deb12u14" == packages["libc6"]["sourceInfo"]
    ids = {one["SPDXID"]: one["name"] for one in document["packages"]}
    named = {
        (ids.get(one["spdxElementId"]), one["relationshipType"], ids[one["relatedSpdxElement"]])
        for one in document["relationships"]
    }
    assert {
        (None, "DESCRIBES", "embed"),
        ("demo", "DEPENDS_ON", "numpy"),
        ("models.embed.predict", "CONTAINS", "models/embed/predict.py"),
    } <= named
