"""What changed between two packages: inputs, layers, bytes to send, signature and metrics."""

from math import isfinite
from typing import Any, Mapping, Optional, Sequence

from modelkiln.report.code import code_texts, compare_texts
from modelkiln.report.compatibility import LEVELS, level_of, released, signature_changes
from modelkiln.report.evidence.scanners import Affected
from modelkiln.report.evidence.vulnerabilities import changes as vulnerability_changes
from modelkiln.report.evidence.vulnerabilities import vulnerabilities
from modelkiln.report.inputs import Change, input_changes, record_metrics
from modelkiln.report.layers import layer_changes
from modelkiln.report.package import Package

__all__ = ["difference"]

_CODE = ("code", "runtime")


def difference(before: Package, after: Package, scans: Optional[Sequence[Affected]] = None) -> dict[str, Any]:
    """Return what `docs/schemas/difference.json` describes. scans: what scanners say of both, if anything.

    Variants are compared with their namesakes, the variant of a package that has one with the other's. Of packages
    in a registry nothing is read here.
    """
    pairs = _pairs(before.variants, after.variants)
    variants = [_variant(one, other, before, after, scans) for one, other in pairs]
    changes = layer_changes(before.layers, after.layers)
    kept = {layer.descriptor.digest for layer in after.layers}
    gone = [layer for layer in before.layers if layer.descriptor.digest not in kept]
    replaced = {change.before.descriptor.digest for change in changes if change.before}
    return {
        "before": _identity(before),
        "after": _identity(after),
        "same": before.record["package_digest"] == after.record["package_digest"],
        "variants": variants,
        "layers": [change.to_json() for change in changes],
        "removed_layers": [
            {"kind": layer.kind, "title": layer.title, "digest": layer.descriptor.digest, "size": layer.descriptor.size}
            for layer in gone
            if layer.descriptor.digest not in replaced
        ],
        "transfer": _transfer(before, after),
    }


def _identity(package: Package) -> dict[str, Any]:
    record = package.record
    return {
        "package": package.label,
        "kind": package.kind,
        "name": record["name"],
        "version": record["version"],
        "package_digest": record["package_digest"],
    }


def _variant_name(record: Mapping[str, Any]) -> str:
    variant = record.get("variant") or {}
    return " ".join(str(variant[key]) for key in ("accelerator", "platform") if variant.get(key))


def _pairs(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> list[tuple[Optional[Mapping[str, Any]], Optional[Mapping[str, Any]]]]:
    """The records to compare: of one variant each, or of the only ones."""
    if len(before) == len(after) == 1:
        return [(before[0], after[0])]
    left, found = list(after), {}
    for same in (lambda one: one["package_digest"], _variant_name):  # Of variants of one name, the very same first.
        for number, old in enumerate(before):
            alike = next((new for new in left if number not in found and same(new) == same(old)), None)
            if alike is not None:
                found[number] = alike
                left.remove(alike)
    return [*((old, found.get(number)) for number, old in enumerate(before)), *((None, new) for new in left)]


def _variant(
    one: Optional[Mapping[str, Any]],
    other: Optional[Mapping[str, Any]],
    before: Package,
    after: Package,
    scans: Optional[Sequence[Affected]],
) -> dict[str, Any]:
    if one is None or other is None:
        return {"variant": _variant_name(one or other or {}), "change": "removed" if one else "new"}
    # Layers are those of the package, and the base's packages are only in them.
    old, new = (
        {**record, "layers": package.record.get("layers")} for record, package in ((one, before), (other, after))
    )
    changes = input_changes(old, new)
    signature = signature_changes(one.get("signature") or {}, other.get("signature") or {})
    needed = level_of(signature, one["package_digest"] != other["package_digest"])
    # Variants of one version, and models of different names, have no order.
    is_later = one["name"] == other["name"] and one.get("variant") == other.get("variant")
    raised = released(one["version"], other["version"]) if is_later else None
    return {
        "variant": _variant_name(other),
        "change": "same" if needed == "none" else "changed",
        "inputs": _with_lines(changes, before, after),
        "signature": {
            "level": max((change.level for change in signature), key=LEVELS.index, default="none"),
            "changes": [change.to_json() for change in signature],
        },
        "version": {
            "before": one["version"],
            "after": other["version"],
            "raised": raised,
            "needed": needed,
            "fits": None if raised is None else LEVELS.index(raised) >= LEVELS.index(needed),
        },
        "metrics": _metrics(one, other),
        "vulnerabilities": (
            None if scans is None else vulnerability_changes(*(vulnerabilities(each, scans) for each in (old, new)))
        ),
    }


def _with_lines(changes: Sequence[Change], before: Package, after: Package) -> list[dict[str, Any]]:
    """The changes as JSON; those of code with what changed in each file, where the code of both is at hand."""
    paths = {change.name for change in changes if change.kind in _CODE}
    texts = [code_texts(package, paths) if paths else {} for package in (before, after)]
    found = []
    for change in changes:
        value = change.to_json()
        if change.kind in _CODE:
            sides = [text.get(change.name) for text in texts]
            missing = [
                side is None and digest is not None for side, digest in zip(sides, (change.before, change.after))
            ]
            value["text"] = None if any(missing) else compare_texts(change.name, *sides)
        found.append(value)
    return found


def _metrics(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    old, new = (record_metrics(record) for record in (before, after))
    return [
        {"name": name, "before": old.get(name), "after": new.get(name), "change": _rise(old.get(name), new.get(name))}
        for name in [*old, *(name for name in new if name not in old)]
    ]


def _rise(before: Any, after: Any) -> Optional[float]:
    """The difference of two metrics, without the noise of binary fractions; None where one is not a number."""
    try:
        rise = float(f"{float(after) - float(before):.12g}")
        return rise if isfinite(rise) else None
    except (TypeError, ValueError, OverflowError):
        return None


def _transfer(before: Package, after: Package) -> Optional[dict[str, Any]]:
    """What a registry that has `before` would receive; None of what registries do not hold."""
    if not before.blobs or not after.blobs:
        return None
    known = {blob.digest for blob in before.blobs}
    sent = [blob for blob in after.blobs if blob.digest not in known]
    reused = [blob for blob in after.blobs if blob.digest in known]
    return {
        "blobs": len(sent),
        "bytes": sum(blob.size for blob in sent),
        "reused_blobs": len(reused),
        "reused_bytes": sum(blob.size for blob in reused),
    }
