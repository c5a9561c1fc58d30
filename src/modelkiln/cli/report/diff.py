"""`modelkiln diff`: what changed between two packages."""

import argparse
import json
from typing import Any, Iterator, Mapping

from modelkiln.cli.options import add_insecure, add_store, machine_env, store_of
from modelkiln.report.difference import difference
from modelkiln.report.package import open_package
from modelkiln.runtime.weights.progress import readable_size
from modelkiln.wording import counted, print_json, print_lines, report_line

HELP = "Show what changed between two packages: inputs, layers, bytes to send, signature, metrics."
EXAMPLES = (
    "diff registry.example.com/models/digits:1.2.0 dist/models.digits/digits.oci",
    "diff old.oci new.oci --lines",
)

_KINDS = {
    "code": "code",
    "runtime": "Modelkiln's own code",
    "artifact": "model artifacts",
    "wheel": "wheels",
    "debian": "Debian packages",
    "base": "base",
    "metadata": "metadata",
    "setting": "settings",
}
_REASONS = 8
# Of values whose digests say nothing to people.
_FILES = ("code", "runtime", "artifact")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln diff`."""
    what = "a layout, a PEX, a wheel, a record, or registry.example.com/name:tag"
    parser.add_argument("before", metavar="BEFORE", help=what)
    parser.add_argument("after", metavar="AFTER", help="the package that is compared with it")
    parser.add_argument("--lines", action="store_true", help="show the lines of code that changed")
    parser.add_argument("--json", action="store_true", help="print a JSON object (docs/schemas/difference.json)")
    add_insecure(parser)
    add_store(parser)


def run(args: argparse.Namespace) -> int:
    """Print the difference; the exit code is 0, whatever it is."""
    before, after = (
        open_package(name, store_of(args), lambda: machine_env(args), report_line) for name in (args.before, args.after)
    )
    found = difference(before, after)
    if args.json:
        print_json(found)
    else:
        print_lines(_text(found, args.lines))
    return 0


def _text(found: Mapping[str, Any], lines: bool) -> Iterator[str]:
    before, after = found["before"], found["after"]
    for word, one in (("before", before), ("after", after)):
        yield f"{word:<8}{one['name']} {one['version']}  {one['package_digest']}"
    if found["same"]:
        yield "The packages are the same."
    for variant in found["variants"]:
        yield from _variant(variant, lines, len(found["variants"]) > 1)
    yield from _layers(found)
    if found["transfer"]:
        sent = found["transfer"]
        yield ""
        yield (
            f"A registry that has the first would receive {counted(sent['blobs'], 'blob')}, "
            f"{readable_size(sent['bytes'])}, and keep {counted(sent['reused_blobs'], 'blob')}, "
            f"{readable_size(sent['reused_bytes'])}."
        )


def _variant(variant: Mapping[str, Any], lines: bool, named: bool) -> Iterator[str]:
    if named:
        yield ""
        yield f"{variant['variant']}: {variant['change']}"
    if "inputs" not in variant:
        return
    for kind, title in _KINDS.items():
        changes = [change for change in variant["inputs"] if change["kind"] == kind]
        if changes:
            yield from ("", title)
        for change in changes:
            yield from _change(change, lines)
    yield from _signature(variant)
    metrics = [one for one in variant["metrics"] if one["before"] != one["after"]]
    if metrics:
        yield from ("", "metrics")
    for one in metrics:
        rise = f"  ({one['change']:+g})" if one["change"] is not None else ""
        yield f"  {one['name']}  {_value(one['before'])} -> {_value(one['after'])}{rise}"


def _change(change: Mapping[str, Any], lines: bool) -> Iterator[str]:
    before, after = change["before"], change["after"]
    sign = "+" if before is None else "-" if after is None else "~"
    if change["kind"] not in _FILES:
        shown = f"{_value(after)}" if before is None else f"{_value(before)}"
        shown += f" -> {_value(after)}" if sign == "~" else ""
        yield f"  {sign} {change['name']}  {shown}"
        return
    text = change.get("text")
    yield f"  {sign} {change['name']}" + (f"  +{text['added']} -{text['removed']}" if text else "")
    if text and lines:
        yield from (f"    {line}" for line in text["lines"])


def _signature(variant: Mapping[str, Any]) -> Iterator[str]:
    signature, version = variant["signature"], variant["version"]
    if signature["changes"]:
        verdict = {"major": "breaks callers", "minor": "compatible, more is possible", "patch": "compatible"}
        yield from ("", f"signature: {verdict[signature['level']]}")
        yield from (f"  {one['place']} {one['what']}  ({one['level']})" for one in signature["changes"])
    if version["fits"] is False:
        yield ""
        yield (
            f"version: {version['before']} -> {version['after']}, and what changed is a {version['needed']} release. "
            "Raise the version accordingly."
        )


def _layers(found: Mapping[str, Any]) -> Iterator[str]:
    others = [layer for layer in found["layers"] if layer["change"] != "same"]
    if others or found["removed_layers"]:
        yield from ("", "layers")
    for layer in others:
        yield f"  {'+' if layer['change'] == 'new' else '~'} {readable_size(layer['size']):>9}  {_titled(layer)}"
        if layer["change"] == "new":
            continue
        yield from (f"{'':>15}because {reason}" for reason in layer["reasons"][:_REASONS])
        if len(layer["reasons"]) > _REASONS:
            yield f"{'':>15}and {len(layer['reasons']) - _REASONS} more"
    for layer in found["removed_layers"]:
        yield f"  - {readable_size(layer['size']):>9}  {_titled(layer)}"


def _titled(layer: Mapping[str, Any]) -> str:
    return layer["title"] if layer["title"] == layer["kind"] else f"{layer['kind']}: {layer['title']}"


def _value(value: Any) -> str:
    return value if isinstance(value, str) else "nothing" if value is None else json.dumps(value, ensure_ascii=False)
