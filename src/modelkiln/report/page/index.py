"""All packages of a folder on one page: what each takes, and what they share."""

from pathlib import Path
from typing import Any, Mapping, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer
from modelkiln.package.outside import load_record
from modelkiln.package.record import variant_records
from modelkiln.report.page.contents import Tree
from modelkiln.report.page.document import byte_map, document
from modelkiln.report.page.html import join, section, table, tag
from modelkiln.runtime.weights.progress import readable_size
from modelkiln.wording import counted

__all__ = ["RECORD_ENDING", "read_records", "render_index"]

# Of a record in dist/.
RECORD_ENDING = ".package.json"
_NONE: Mapping[str, Mapping[str, str]] = {}


def read_records(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Return the records below a folder such as dist/, by their paths in it without the ending.

    Raises ModelkilnError where there is none, or one that is none.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted(folder.rglob(f"*{RECORD_ENDING}")):
        record = load_record(path, "Package its target again.", ())
        found[path.relative_to(folder).as_posix()[: -len(RECORD_ENDING)]] = {"name": "", "version": "", **record}
    if not found:
        raise ModelkilnError(
            f"{folder}: holds neither a layout nor records of packages (*{RECORD_ENDING}). Package something."
        )
    return found


def render_index(records: Mapping[str, Mapping[str, Any]], locks: Mapping[str, Mapping[str, str]] = _NONE) -> str:
    """Return the page of `records`, see `read_records`; it is the same for the same packages.

    locks: of each package its locks, with the day on which each was last committed, or "".
    """
    layers = {name: _layers(record) for name, record in records.items()}
    users: dict[str, list[str]] = {}
    for name, listed in layers.items():
        for digest in listed:
            users.setdefault(digest, []).append(name)
    every = {digest: layer for listed in layers.values() for digest, layer in listed.items()}
    total = sum(layer.descriptor.size for listed in layers.values() for layer in listed.values())
    once = sum(layer.descriptor.size for layer in every.values())
    summary = (
        f"{counted(len(records), 'package')} of {readable_size(total)}. Layers that they share are stored and sent "
        f"once: {readable_size(once)} in {counted(len(every), 'layer')}."
    )
    rows = [row for name, record in records.items() for row in _rows(name, record, layers[name], users)]
    heads = ("package", "name", "version", "variant", "packed", "its own", "formats", "package digest")
    parts = [
        tag("p", summary, class_="identity"),
        section("Packages", table("All packages", heads, rows, (4, 5)), level=2),
        byte_map(0),
        section("Shared layers", _shared(every, users), level=2),
        section("Locks", _locks(locks), level=2),
    ]
    return document("Packages", None, parts, [_tree(layers, every, users)])


def _layers(record: Mapping[str, Any]) -> dict[str, Layer]:
    found = [Layer.from_json(one) for one in record.get("layers") or ()]
    return {layer.descriptor.digest: layer for layer in found}


def _rows(
    name: str, record: Mapping[str, Any], layers: Mapping[str, Layer], users: Mapping[str, Sequence[str]]
) -> list[list[Any]]:
    variants = [one.get("variant") or {} for one in variant_records(record)]
    shown = "; ".join(
        " ".join(str(one[key]) for key in ("accelerator", "platform") if one.get(key)) for one in variants
    )
    own = sum(layer.descriptor.size for digest, layer in layers.items() if len(users[digest]) == 1)
    size = sum(layer.descriptor.size for layer in layers.values())
    formats = ", ".join(sorted(record.get("formats") or {}))
    digest = tag("code", str(record.get("package_digest", ""))[7:19])
    return [[name, record["name"], record["version"], shown, readable_size(size), readable_size(own), formats, digest]]


def _shared(every: Mapping[str, Layer], users: Mapping[str, Sequence[str]]) -> Any:
    several = [(digest, names) for digest, names in users.items() if len(names) > 1]
    ordered = sorted(several, key=lambda one: (-every[one[0]].descriptor.size * (len(one[1]) - 1), one[0]))
    rows = [
        [every[digest].title, readable_size(every[digest].descriptor.size), str(len(names)), join([", ".join(names)])]
        for digest, names in ordered
    ]
    return table(
        "Layers of several packages, those that save most first", ("layer", "packed", "packages", "of"), rows, (1, 2)
    )


def _locks(locks: Mapping[str, Mapping[str, str]]) -> Any:
    days = {path: day for listed in locks.values() for path, day in listed.items()}
    users = {path: [name for name, listed in locks.items() if path in listed] for path in days}
    # What was never committed is new.
    ordered = sorted(days, key=lambda path: (days[path] or "9", path))
    rows = [
        [path, days[path] or "not committed", str(len(users[path])), join([", ".join(users[path])])] for path in ordered
    ]
    heads = ("lock", "last changed", "packages", "of")
    return table("Locks, the oldest first", heads, rows, (2,))


def _tree(
    layers: Mapping[str, Mapping[str, Layer]], every: Mapping[str, Layer], users: Mapping[str, Sequence[str]]
) -> Tree:
    """Each layer once: those of several packages together, the others with their package."""
    top = Tree("all layers")
    groups = {"shared": {digest: every[digest] for digest in every if len(users[digest]) > 1}}
    for name, listed in layers.items():
        groups[name] = {digest: layer for digest, layer in listed.items() if len(users[digest]) == 1}
    for name, listed in groups.items():
        group = Tree(name)
        for digest, layer in listed.items():
            size = layer.unpacked_size or layer.descriptor.size
            group.children[digest] = Tree(f"{layer.kind}: {layer.title}", size, layer.descriptor.size)
            group.size, group.packed = group.size + size, group.packed + layer.descriptor.size
        if listed:
            top.children[name] = group
            top.size, top.packed = top.size + group.size, top.packed + group.packed
    return top
