"""`modelkiln diff`: what changed between two packages."""

import argparse
import json
from typing import Any, Iterator, Mapping, Optional, Sequence

from modelkiln.cli.options import add_insecure, add_store, add_vulnerabilities, machine_env, store_of
from modelkiln.cli.tables import Column, Part, Table, print_parts
from modelkiln.progress import Progress
from modelkiln.report.difference import difference
from modelkiln.report.evidence.vulnerabilities import read_scans
from modelkiln.report.inputs import title_of
from modelkiln.report.package import open_package
from modelkiln.runtime.weights.progress import readable_size
from modelkiln.wording import counted, print_json, report_line

HELP = "Show what changed between two packages: inputs, layers, bytes to send, signature, metrics."
EXAMPLES = (
    "diff registry.example.com/models/digits:1.2.0 dist/models.digits/digits.oci",
    "diff old.oci new.oci --lines",
    "diff old.oci new.oci --vulnerabilities scan-old.json --vulnerabilities scan-new.json",
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
    add_vulnerabilities(parser)
    add_insecure(parser)
    add_store(parser)


def run(args: argparse.Namespace) -> int:
    """Print the difference; the exit code is 0, whatever it is."""
    scans = None if args.vulnerabilities is None else read_scans(args.vulnerabilities)
    with Progress("diff"):
        before, after = (
            open_package(name, store_of(args), lambda: machine_env(args), report_line)
            for name in (args.before, args.after)
        )
        found = difference(before, after, scans)
    if args.json:
        print_json(found)
    else:
        print_parts(_parts(found, args.lines))
    return 0


def _parts(found: Mapping[str, Any], lines: bool) -> Iterator[Part]:
    before, after = found["before"], found["after"]
    sides = [
        (word, f"{one['name']} {one['version']}", one["package_digest"])
        for word, one in (("before", before), ("after", after))
    ]
    columns = Column(), Column(is_text=True), Column(is_text=True)
    yield Table(columns, sides, [f"{word:<8}{name}  {digest}" for word, name, digest in sides])
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


def _variant(variant: Mapping[str, Any], lines: bool, named: bool) -> Iterator[Part]:
    if named:
        yield ""
        yield f"{variant['variant']}: {variant['change']}"
    if "inputs" not in variant:
        return
    for kind, title in _KINDS.items():
        changes = [change for change in variant["inputs"] if change["kind"] == kind]
        if changes:
            yield from ("", title)
            yield from _files(changes, lines) if kind in _FILES else (_values(changes),)
    yield from _signature(variant)
    metrics = [one for one in variant["metrics"] if one["before"] != one["after"]]
    if metrics:
        yield from ("", "metrics", _metrics(metrics))
    yield from _vulnerabilities(variant["vulnerabilities"])


def _sign(before: Any, after: Any) -> str:
    return "+" if before is None else "-" if after is None else "~"


def _files(changes: Sequence[Mapping[str, Any]], lines: bool) -> Iterator[Part]:
    rows, plain = [], []
    for change in changes:
        text, sign = change.get("text"), _sign(change["before"], change["after"])
        counts = f"+{text['added']} -{text['removed']}" if text else ""
        rows.append((sign, change["name"], counts))
        plain.append(f"  {sign} {change['name']}" + (f"  {counts}" if counts else ""))
        if text and lines:
            plain += [f"    {line}" for line in text["lines"]]
    if lines:
        yield from plain  # They belong to their file.
    else:
        yield Table((Column(), Column("file", is_text=True), Column("lines")), rows, plain)


def _values(changes: Sequence[Mapping[str, Any]]) -> Table:
    rows, plain = [], []
    for change in changes:
        sign = _sign(change["before"], change["after"])
        before, after = (_value(change[side]) if change[side] is not None else "" for side in ("before", "after"))
        name = title_of(change)
        rows.append((sign, name, before, after))
        plain.append(f"  {sign} {name}  {' -> '.join(filter(None, (before, after)))}")
    texts = (Column(head, is_text=True) for head in ("name", "before", "after"))
    return Table((Column(), *texts), rows, plain)


def _metrics(metrics: Sequence[Mapping[str, Any]]) -> Table:
    rows, plain = [], []
    for one in metrics:
        before, after = _value(one["before"]), _value(one["after"])
        rise = f"{one['change']:+g}" if one["change"] is not None else ""
        rows.append((one["name"], before, after, rise))
        plain.append(f"  {one['name']}  {before} -> {after}" + (f"  ({rise})" if rise else ""))
    numbers = (Column(head, is_number=True) for head in ("before", "after", "change"))
    return Table((Column("name", is_text=True), *numbers), rows, plain)


def _signature(variant: Mapping[str, Any]) -> Iterator[Part]:
    signature, version = variant["signature"], variant["version"]
    if signature["changes"]:
        verdict = {"major": "breaks callers", "minor": "compatible, more is possible", "patch": "compatible"}
        yield from ("", f"signature: {verdict[signature['level']]}")
        rows = [(one["place"], one["what"], one["level"]) for one in signature["changes"]]
        columns = Column("tensor", is_text=True), Column("change", is_text=True), Column("release")
        yield Table(columns, rows, [f"  {place} {what}  ({level})" for place, what, level in rows])
    if version["fits"] is False:
        yield ""
        yield (
            f"version: {version['before']} -> {version['after']}, and what changed is a {version['needed']} release. "
            "Raise the version accordingly."
        )


def _vulnerabilities(found: Optional[Mapping[str, Any]]) -> Iterator[Part]:
    if found is None:
        return
    yield from (
        "",
        f"vulnerabilities: {len(found['came'])} came, {len(found['went'])} went, {len(found['stayed'])} stayed",
    )
    rows = [
        (sign, one["id"], one["severity"], f"{one['name']} {one['version']}", one["fixed"])
        for sign, side in (("+", "came"), ("-", "went"))
        for one in found[side]
    ]
    plain = [
        f"  {sign} {name}  {severity or 'of unknown severity'}, in {package}" + (f", fixed in {fixed}" if fixed else "")
        for sign, name, severity, package, fixed in rows
    ]
    columns = Column("id"), Column("severity"), Column("in", is_text=True), Column("fixed in", is_text=True)
    yield Table((Column(), *columns), rows, plain)


def _layers(found: Mapping[str, Any]) -> Iterator[Part]:
    others = [layer for layer in found["layers"] if layer["change"] != "same"]
    if not others and not found["removed_layers"]:
        return
    rows, plain = [], []
    for layer in others:
        reasons = layer["reasons"][:_REASONS] if layer["change"] != "new" else []
        more = len(layer["reasons"]) - _REASONS if reasons else 0
        reasons = [*(f"because {reason}" for reason in reasons), *([f"and {more} more"] if more > 0 else [])]
        sign = "+" if layer["change"] == "new" else "~"
        rows.append((sign, readable_size(layer["size"]), _titled(layer), "; ".join(reasons)))
        plain += [f"  {sign} {readable_size(layer['size']):>9}  {_titled(layer)}"]
        plain += [f"{'':>15}{reason}" for reason in reasons]
    for layer in found["removed_layers"]:
        rows.append(("-", readable_size(layer["size"]), _titled(layer), ""))
        plain.append(f"  - {readable_size(layer['size']):>9}  {_titled(layer)}")
    columns = Column("size", is_number=True), Column("layer", is_text=True), Column("because", is_text=True)
    yield from ("", "layers", Table((Column(), *columns), rows, plain))


def _titled(layer: Mapping[str, Any]) -> str:
    return layer["title"] if layer["title"] == layer["kind"] else f"{layer['kind']}: {layer['title']}"


def _value(value: Any) -> str:
    return value if isinstance(value, str) else "nothing" if value is None else json.dumps(value, ensure_ascii=False)
