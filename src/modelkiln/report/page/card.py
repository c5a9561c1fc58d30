"""What a model is: its card, metrics, signature, needs, and the commands that run it."""

import json
import shlex
from math import isfinite
from typing import Any, Iterator, Mapping, Optional, Sequence

from modelkiln.formats.pex_contents import SCRIPT
from modelkiln.package.example import SAMPLE, element_count, example_request
from modelkiln.report.inputs import record_metrics
from modelkiln.report.package import Package
from modelkiln.report.page.html import Html, code_block, join, section, table, tag

__all__ = ["card", "commands", "metrics", "needs", "signature"]

_BAR, _ROW = 320, 22
# Of a request that stands on the page whole: a MiB of text or so, as images of 224 x 224 pixels need.
_WHOLE_REQUEST = 200_000


def card(record: Mapping[str, Any]) -> Optional[Html]:
    """Return the metadata as a list of words and values, but for metrics and what a machine must have."""
    metadata = record.get("metadata") or {}
    found = dict(_flat({key: value for key, value in metadata.items() if key not in ("metrics", "requires")}))
    pairs = [(word, _value(value)) for word, value in found.items()]
    pairs += [("source", _value(one.get("source", ""))) for one in record.get("sources") or ()]
    return section("Model card", _list(pairs)) if pairs else None


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _flat(inner, f"{prefix}{key} ")
        else:
            yield f"{prefix}{key}", inner


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _list(pairs: Sequence[tuple[str, Any]]) -> Html:
    return tag("dl", *(tag("div", tag("dt", word), tag("dd", value)) for word, value in pairs))


def metrics(record: Mapping[str, Any], others: Sequence[tuple[str, Mapping[str, Any]]]) -> Optional[Html]:
    """Return the metrics as bars. others: the packages of the page by their labels, this one among them; of each
    metric the longest bar is the largest value of all, or 1 for values up to 1."""
    found = record_metrics(record)
    if not found:
        return None
    rows = []
    for name, value in found.items():
        values = [(label, record_metrics(one)) for label, one in others]
        shown = [(label, each[name]) for label, each in values if name in each]
        if len(shown) < 2:
            shown = [("", value)]
        rows.append([name, join(_bars(shown))])
    return section("Metrics", table("Metrics", ("metric", "value"), rows))


def _bars(shown: Sequence[tuple[str, Any]]) -> Iterator[Html]:
    numbers = [_number(value) for _, value in shown]
    # A bar says how much of all there can be, or of the most there is; one lonely number has no such thing.
    most = max((number for number in numbers if number is not None), default=0)
    for (label, value), number in zip(shown, numbers):
        bar = None
        if number is not None and number >= 0 and most > 0 and (most <= 1 or len(shown) > 1):
            width = round(_BAR * number / max(most, 1 if most <= 1 else most), 1)
            rects = (
                tag("rect", width=_BAR, height=10, class_="rail", rx=5),
                tag("rect", width=width, height=10, class_="bar", rx=5),
            )
            bar = tag("svg", *rects, width=_BAR, height=10, viewBox=f"0 0 {_BAR} 10", aria_hidden="true")
        yield tag("div", tag("span", _value(value), class_="metric"), bar, tag("small", label) if label else None)


def _number(value: Any) -> Optional[float]:
    try:
        number = float(value)
        return None if isinstance(value, bool) or not isfinite(number) else number
    except (TypeError, ValueError, OverflowError):
        return None


def signature(record: Mapping[str, Any]) -> Optional[Html]:
    """Return inputs and outputs as a table, with a request to try."""
    described = record.get("signature") or {}
    rows = [
        [tag("code", one["name"]), side, one["datatype"], _shape(one["shape"])]
        for side in ("input", "output")
        for one in described.get(f"{side}s") or ()
    ]
    number = element_count(described)
    is_sample = number > _WHOLE_REQUEST
    request = json.dumps(example_request(described, is_sample), ensure_ascii=False)
    what = "A request to try, of numbers without a meaning:"
    if is_sample:
        what = (
            f"The beginning of a request, of numbers without a meaning. The inputs have {number} elements, and at most "
            f"{SAMPLE} of each are shown: fill up data to the shape."
        )
    return section(
        "Signature",
        table("Inputs and outputs", ("name", "side", "datatype", "shape"), rows),
        tag("p", what),
        code_block(request, "the example request"),
    )


def _shape(shape: Sequence[int]) -> str:
    return " x ".join("any" if size == -1 else str(size) for size in shape) or "one value"


def needs(record: Mapping[str, Any]) -> Html:
    """Return what a machine must have."""
    variant, metadata = record.get("variant") or {}, record.get("metadata") or {}
    hardware, requires = metadata.get("hardware"), metadata.get("requires")
    requires = requires if isinstance(requires, Mapping) else {}
    pairs = [
        ("platform", variant.get("platform")),
        ("accelerator", variant.get("accelerator")),
        ("CUDA", variant.get("cuda")),
        ("ROCm", variant.get("rocm")),
        ("driver of NVIDIA", f"{variant['driver']} or newer" if variant.get("driver") else None),
        ("CPython of a PEX", variant.get("python")),
        ("memory", requires.get("memory")),
        ("memory of a GPU", requires.get("device_memory")),
        ("CPU", ", ".join(requires.get("cpu") or ())),
        ("hardware", _value(hardware) if hardware else None),
        ("to be provided", ", ".join(one["name"] + one["specifier"] for one in record.get("provided") or ())),
        ("weights", {"lazy": "fetched at the first start", "bundled": "in the package"}.get(record.get("weights", ""))),
    ]
    return section("Needs", _list([(word, value) for word, value in pairs if value])) or Html("")


def commands(package: Package, record: Mapping[str, Any]) -> Html:
    """Return what runs, checks and fetches the package, to be copied."""
    place, digest = shlex.quote(package.label), record["package_digest"]
    name = shlex.quote(f"{record['name']}:{record['version']}")
    if package.kind == "registry":
        lines = [
            f"modelkiln verify {place} --package-digest {digest}",
            f"modelkiln pull {place} --package-digest {digest} -o {shlex.quote(record['name'])}.oci",
            f"podman run --rm -i {place} predict < request.json",
        ]
    elif package.kind == "layout":
        lines = [
            f"modelkiln verify {place} --package-digest {digest}",
            f"modelkiln load {place} --name {name}",
            f"podman run --rm -i {name} predict < request.json",
        ]
    elif package.kind == "wheel":
        module = (record.get("wheel") or {}).get("import_name", record["name"])
        lines = [f"pip install {place}", f"python -c 'import {module}; print({module}.load())'"]
    else:
        is_packed = package.path is not None and package.path.is_dir()
        program = shlex.quote(f"{package.path}/{SCRIPT}") if is_packed else place
        program = program if "/" in program else f"./{program}"
        lines = [f"{program} predict request.json", f"{program} info", f"{program} verify"]
    return section("Run", code_block("\n".join(lines), "the commands")) or Html("")
