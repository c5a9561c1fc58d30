"""What is in a package, as tables: layers, wheels, Debian packages, files, licences."""

from dataclasses import dataclass
from typing import Any, Mapping, Optional, Sequence

from modelkiln.layer import Layer
from modelkiln.package.record import own_environment
from modelkiln.report.graph import Graph, Node
from modelkiln.report.page.html import Html, section, table, tag
from modelkiln.report.wheels import WheelContents
from modelkiln.runtime.weights.progress import readable_size

__all__ = ["Environment", "artifacts", "debian", "layers", "licences", "members", "wheels"]

_UNKNOWN = "not stated"
_LONGEST_LICENCE = 60


def layers(listed: Sequence[Layer], others: Mapping[str, Sequence[Layer]]) -> Optional[Html]:
    """Return the layers, lowest first. others: those of the other packages of the page, by their labels."""
    rows = []
    for layer in listed:
        digest = layer.descriptor.digest
        also = [name for name, those in others.items() if digest in {one.descriptor.digest for one in those}]
        what = layer.title if layer.title == layer.kind else f"{layer.kind}: {layer.title}"
        sizes = readable_size(layer.descriptor.size), readable_size(layer.unpacked_size)
        rows.append([what, *sizes, tag("code", digest[7:19]), *([", ".join(also)] if others else [])])
    heads = ("layer", "packed", "unpacked", "digest", *(["also in"] if others else []))
    return section("Layers", table("Layers, lowest first", heads, rows, (1, 2)))


@dataclass(frozen=True)
class Environment:
    """The wheels of one environment of a package, by name. path: in an image. members: of an ensemble, those that run
    in it. graph: what needs what in it; None where no code is at hand."""

    path: str
    members: tuple[str, ...]
    wheels: Mapping[str, WheelContents]
    graph: Optional[Graph]


def members(record: Mapping[str, Any]) -> Optional[Html]:
    """Return the packages that an ensemble calls, with where each runs."""
    own, found = own_environment(record), (record.get("ensemble") or {}).get("members") or {}
    rows = [
        [
            name,
            f"{one['name']} {one['version']}",
            "a process of its own" if one.get("code") else "the ensemble's process",
            tag("code", f"/{one.get('environment', own)}"),
            tag("code", str(one["package_digest"])[7:19]),
        ]
        for name, one in found.items()
    ]
    heads = ("member", "package", "runs in", "environment", "package digest")
    return section("Members", table("Members of the ensemble", heads, rows))


def wheels(environments: Sequence[Environment]) -> Optional[Html]:
    """Return the wheels, the largest first, with why each is in the package, and of several environments for whom."""
    is_several = len(environments) > 1
    listed = [(wheel, one) for one in environments for wheel in one.wheels.values()]
    ordered = sorted(listed, key=lambda pair: (-pair[0].unpacked_size, pair[0].name, pair[1].path))
    rows = [
        [
            f"{wheel.name} {wheel.version}",
            *([", ".join(one.members)] if is_several else []),
            readable_size(wheel.size),
            readable_size(wheel.unpacked_size),
            _licence(wheel),
            wheel.first("summary"),
            _why(one.graph, wheel.name),
        ]
        for wheel, one in ordered
    ]
    heads = ("wheel", *(["of members"] if is_several else []), "packed", "unpacked", "licence")
    numbers = (2, 3) if is_several else (1, 2)
    heads = (*heads, "what it is", "why it is in")
    return section("Wheels", table("Wheels, the largest first", heads, rows, numbers))


def _why(graph: Optional[Graph], name: str) -> str:
    if graph is None:
        return ""
    chain = graph.chain(Node("wheel", name))
    if not chain:
        return "a dependency of the target, or needed by what the artifacts load"
    return "; ".join(edge.reason for edge in chain if edge.source.kind != "entry")


def _licence(wheel: WheelContents) -> str:
    """What METADATA states, in a few words: some have the whole text there."""
    expression = wheel.first("license-expression")
    named = [one.rpartition(" :: ")[2] for one in wheel.headers.get("classifier", ()) if one.startswith("License :: ")]
    text = wheel.first("license")
    short = text if len(text) <= _LONGEST_LICENCE else ""
    return expression or short or ", ".join(named) or (f"{text[:_LONGEST_LICENCE]}..." if text else _UNKNOWN)


def licences(record: Mapping[str, Any], environments: Sequence[Environment]) -> Optional[Html]:
    """Return how many wheels have which licence, the model's own first."""
    names: dict[str, set[str]] = {}
    for one in environments:
        for wheel in one.wheels.values():
            names.setdefault(_licence(wheel), set()).add(wheel.name)
    own = (record.get("metadata") or {}).get("license")
    rows = [[str(own), "the model"]] if own else []
    for licence, those in sorted(names.items(), key=lambda one: (-len(one[1]), one[0])):
        rows.append([licence, f"{len(those)}: {', '.join(sorted(those))}"])
    return section("Licences", table("Licences, as wheels state them", ("licence", "of"), rows))


def debian(
    locked: Sequence[Mapping[str, Any]], graph: Optional[Graph], paragraphs: Mapping[str, Any]
) -> Optional[Html]:
    """Return the Debian packages of the base. graph, paragraphs: see `needs.debian_graph`; none where the base is not
    on this machine."""
    rows = []
    for one in sorted(locked, key=lambda one: one["name"]):
        known = paragraphs.get(one["name"]) or {}
        installed = int(known.get("Installed-Size") or 0) << 10
        needed = sorted(edge.source.name for edge in graph.needed_by(Node("debian", one["name"]))) if graph else []
        sizes = readable_size(one.get("size", 0)), readable_size(installed) if installed else ""
        rows.append([f"{one['name']} {one['version']}", *sizes, ", ".join(needed) or "the base's package list"])
    heads = ("package", "packed", "unpacked", "needed by")
    return section("Debian packages", table("Debian packages of the base", heads, rows, (1, 2)))


def artifacts(record: Mapping[str, Any]) -> Optional[Html]:
    """Return the files of the model artifacts, with what their headers state."""
    rows = []
    for file in record.get("artifacts") or ():
        facts = file.get("facts") or {}
        said = ", ".join(f"{key} {value}" for key, value in facts.items() if isinstance(value, (str, int, float)))
        size = readable_size(file.get("size", 0))
        rows.append([file["path"], size, file.get("format", "unknown"), tag("code", file["sha256"][:12]), said])
    heads = ["file", "size", "format", "sha256", "its header states"]
    if not any(row[-1] for row in rows):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    return section("Model artifacts", table("Files of the model artifacts", heads, rows, (1,)))
