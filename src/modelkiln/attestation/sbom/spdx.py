"""A bill of materials as SPDX 2.3, made of the CycloneDX one.

Written here like that one: spdx-tools brings an RDF library and ten more for one command. Tests read what is written
with it, and have it validate it. A model's card has no place in SPDX 2.3, and stays in CycloneDX.
"""

import re
from hashlib import sha256
from typing import Any, Iterator, Mapping, Optional

__all__ = ["spdx_document"]

# SPDX 2.3, "Primary Package Purpose".
_PURPOSES = {
    "application": "APPLICATION",
    "container": "CONTAINER",
    "data": "FILE",
    "file": "FILE",
    "library": "LIBRARY",
    "operating-system": "OPERATING-SYSTEM",
}
_NONE = "NOASSERTION"
_DOCUMENT = "SPDXRef-DOCUMENT"


def spdx_document(bom: Mapping[str, Any]) -> dict[str, Any]:
    """Return the SPDX document of a bill as `bom_bytes` writes it, as a JSON object.

    Files are packages in it: a file of SPDX needs a SHA-1, which no lock has. Its date is the first one.
    """
    root = bom["metadata"]["component"]
    packages = [_package(root), *(_package(one) for one in _flat(bom["components"]))]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": f"{root['name']} {root['version']}",
        # A URI that no other document has.
        "documentNamespace": bom["serialNumber"],
        "creationInfo": {"created": "1970-01-01T00:00:00Z", "creators": ["Tool: modelkiln"]},
        "packages": packages,
        "relationships": [
            _relationship(_DOCUMENT, "DESCRIBES", _id(root["bom-ref"])),
            *(_relationship(_id(a), "DEPENDS_ON", _id(b)) for a, b in _dependencies(bom)),
            *(_relationship(_id(a), "CONTAINS", _id(b)) for a, b in _parts(bom["components"])),
        ],
    }


def _id(ref: str) -> str:
    """The identifier of a component: letters, digits, dots and dashes, and a hash where that is not all of it."""
    plain = re.sub(r"[^A-Za-z0-9.-]+", "-", ref)
    return f"SPDXRef-{plain}" if plain == ref else f"SPDXRef-{plain}-{sha256(ref.encode()).hexdigest()[:12]}"


def _flat(components: Any) -> Iterator[Mapping[str, Any]]:
    for component in components:
        yield component
        yield from _flat(component.get("components") or ())


def _package(component: Mapping[str, Any]) -> dict[str, Any]:
    licenses = component.get("licenses") or ()
    origin = _origin(component)
    described = {
        "SPDXID": _id(component["bom-ref"]),
        "name": component["name"],
        "versionInfo": component.get("version"),
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        "primaryPackagePurpose": _PURPOSES.get(component["type"], "OTHER"),
        "checksums": [
            {"algorithm": one["alg"].replace("-", ""), "checksumValue": one["content"]}
            for one in component.get("hashes") or ()
        ],
        "licenseConcluded": _NONE,
        "licenseDeclared": _expression(licenses) or _NONE,
        "licenseComments": ", ".join(_names(licenses)),
        "copyrightText": _NONE,
        "description": component.get("description"),
        "sourceInfo": f"made of {origin['name']} {origin.get('version', '')}".rstrip() if origin else None,
        "externalRefs": [_purl(component["purl"])] if component.get("purl") else [],
    }
    return {key: value for key, value in described.items() if value not in (None, "", [])}


def _purl(purl: str) -> dict[str, str]:
    return {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}


def _origin(component: Mapping[str, Any]) -> Optional[Mapping[str, Any]]:
    return next(iter((component.get("pedigree") or {}).get("ancestors") or ()), None)


def _expression(licenses: Any) -> Optional[str]:
    """The expression where every licence is one of SPDX's list: others would have to be quoted in the document."""
    found = [str(one.get("expression") or (one.get("license") or {}).get("id") or "") for one in licenses]
    if not found or "" in found or any("LicenseRef" in one for one in found):
        return None
    return " AND ".join(found)


def _names(licenses: Any) -> list[str]:
    """What licences are called where they are not all known."""
    if _expression(licenses):
        return []
    stated = [one.get("license") or {} for one in licenses]
    named = [one.get("id") or one.get("name") for one in stated]
    return [one or license["expression"] for one, license in zip(named, licenses)]


def _dependencies(bom: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for one in bom["dependencies"]:
        for needed in one.get("dependsOn") or ():
            yield one["ref"], needed


def _parts(components: Any) -> Iterator[tuple[str, str]]:
    for component in components:
        for part in component.get("components") or ():
            yield component["bom-ref"], part["bom-ref"]
        yield from _parts(component.get("components") or ())


def _relationship(first: str, kind: str, second: str) -> dict[str, str]:
    return {"spdxElementId": first, "relationshipType": kind, "relatedSpdxElement": second}
