"""What changed between two packages, as a part of the page."""

from typing import Any, Mapping, Optional

from modelkiln.report.inputs import title_of
from modelkiln.report.page.evidence import vulnerability_changes
from modelkiln.report.page.html import Html, section, table, tag
from modelkiln.runtime.weights.progress import readable_size
from modelkiln.wording import counted

__all__ = ["change"]

_VERDICTS = {
    "major": "breaks callers",
    "minor": "compatible: more is possible",
    "patch": "compatible",
    "none": "the same",
}


def change(found: Mapping[str, Any]) -> Html:
    """Return the part for a difference, see `report.difference`."""
    parts: list[Optional[Html]] = [tag("h2", "What changed", id="changed-title")]
    if found["same"]:
        parts.append(tag("p", "The packages are the same."))
    for variant in found["variants"]:
        if "inputs" in variant:
            parts += _variant(variant)
        else:
            parts.append(tag("p", f"{variant['variant']} is {variant['change']}."))
    rows = [
        [layer["title"], layer["change"], readable_size(layer["size"]), "; ".join(layer["reasons"])]
        for layer in found["layers"]
        if layer["change"] != "same"
    ]
    rows += [[layer["title"], "removed", readable_size(layer["size"]), ""] for layer in found["removed_layers"]]
    heads = ("layer", "change", "packed", "because")
    parts.append(section("Layers that follow", table("Layers that differ", heads, rows, (2,))))
    sent = found["transfer"]
    if sent:
        text = (
            f"A registry that has the first would receive {counted(sent['blobs'], 'blob')}, "
            f"{readable_size(sent['bytes'])}, and keep {readable_size(sent['reused_bytes'])}."
        )
        parts.append(tag("p", text))
    return tag("article", *parts, id="changed", class_="package", aria_labelledby="changed-title")


def _variant(variant: Mapping[str, Any]) -> list[Optional[Html]]:
    inputs = [[title_of(one), one["kind"], _shown(one, "before"), _shown(one, "after")] for one in variant["inputs"]]
    signature, version = variant["signature"], variant["version"]
    places = [[one["place"], one["what"], one["level"]] for one in signature["changes"]]
    verdict = f"The signature: {_VERDICTS[signature['level']]}."
    if version["fits"] is False:
        verdict += f" {version['before']} to {version['after']} should be a {version['needed']} release."
    return [
        section("Inputs", table("Inputs that differ", ("input", "kind", "before", "after"), inputs)),
        section("Signature", tag("p", verdict), table("Tensors that differ", ("tensor", "change", "release"), places)),
        vulnerability_changes(variant["vulnerabilities"]),
    ]


def _shown(one: Mapping[str, Any], side: str) -> str:
    value = one[side]
    if value is None:
        return "not there"
    return str(value)[:12] if one["kind"] in ("code", "runtime", "artifact") else str(value)
