"""A package's bill of materials against its record, for the validator: it is of this package, and names it all."""

import json
from typing import Any, Iterator, Mapping

from modelkiln.errors import reason

__all__ = ["SBOM", "bom_problems"]

# Where an image has its bill of materials.
SBOM = "usr/share/sbom/modelkiln.cdx.json"
_DIGEST = "modelkiln:package:digest"


def bom_problems(content: bytes, record: Mapping[str, Any], where: str) -> Iterator[str]:
    """Yield where a bill in CycloneDX is not of the package of a record: another digest, or files that it lacks."""
    try:
        bom = json.loads(content)
        kind, described = bom["bomFormat"], bom["metadata"]["component"]
        stated = {one["name"]: one.get("value") for one in described.get("properties") or ()}
        hashes = set(_hashes(bom["components"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        yield f"{where}: is not a bill of materials: {reason(error)}."
        return
    if kind != "CycloneDX":
        yield f"{where}: bomFormat: got {kind!r}, want CycloneDX."
    if stated.get(_DIGEST) != record["package_digest"]:
        yield f"{where}: {_DIGEST}: got {stated.get(_DIGEST)}, want {record['package_digest']} of the record."
    environments = (record.get("ensemble") or {}).get("environments") or {}
    others = [wheel for one in environments.values() for wheel in one["requirements"]]
    for key, name in (("artifacts", "path"), ("code", "path"), ("requirements", "filename")):
        for one in (*record[key], *(others if key == "requirements" else ())):
            if one["sha256"] not in hashes:
                yield f"{where}: lacks sha256 {one['sha256']}, {one[name]} of the record's {key}."


def _hashes(components: Any) -> Iterator[str]:
    for component in components:
        for one in component.get("hashes") or ():
            yield one["content"]
        yield from _hashes(component.get("components") or ())
