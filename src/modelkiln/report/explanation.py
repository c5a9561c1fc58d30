"""Why packaging a target again made what it made: its record of the last time and its new one, in sentences."""

import json
from typing import Any, Iterator, Mapping, Optional

from modelkiln.layer import Layer
from modelkiln.package.record import variant_records
from modelkiln.report.inputs import input_changes
from modelkiln.report.layers import layer_changes

__all__ = ["explain_again"]

_REASONS = 6
# What shows in layers, file by file and wheel by wheel.
_IN_LAYERS = ("artifact", "code", "debian", "runtime", "wheel")


def explain_again(before: Optional[bytes], after: bytes) -> list[str]:
    """Return a line for each layer that was made again and each other input that changed, with the reason.

    before: the record in dist/ until now, None where there is none.
    """
    new = json.loads(after)
    try:
        old = json.loads(before or b"{}")
        known = [Layer.from_json(layer) for layer in old["layers"]]
        lines = list(_lines(old, known, new)) if old["name"] == new["name"] else []
    except (ValueError, KeyError, TypeError, AttributeError):
        return ["there is no record of the last time in dist/ to compare it with: all layers count as new"]
    return lines or ["nothing changed since the last time"]


def _lines(old: Mapping[str, Any], known: list[Layer], new: Mapping[str, Any]) -> Iterator[str]:
    changes = layer_changes(known, [Layer.from_json(layer) for layer in new["layers"]])
    for change in changes:
        title = change.layer.title
        what = title if title == change.layer.kind else f"{change.layer.kind}: {title}"
        if change.change == "new":
            yield f"new layer {what}"
        elif change.change == "changed" and change.layer.kind != "record":
            more = f" and {len(change.reasons) - _REASONS} more" if len(change.reasons) > _REASONS else ""
            yield f"layer {what} again, because {', '.join(change.reasons[:_REASONS])}{more}"
    pairs = list(zip(variant_records(old), variant_records(new)))
    # An index lists what several variants share.
    yield from dict.fromkeys(line for before, after in pairs for line in _others(before, after))
    if any(change.change == "changed" and change.layer.kind == "record" for change in changes):
        yield "record again, because it lists what changed"


def _others(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Inputs that the record lists and no layer holds."""
    if before.get("signature") != after.get("signature"):
        yield "signature changed"
    for one in input_changes(before, after):
        if one.kind not in _IN_LAYERS:
            yield f"{one.kind} {one.name} changed"
    metrics = [(record.get("metadata") or {}).get("metrics") for record in (before, after)]
    if metrics[0] != metrics[1]:
        yield "metadata metrics changed"
