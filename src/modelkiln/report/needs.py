"""What needs what in a package: code its imports, wheels their requirements, Debian packages their dependencies."""

import re
from contextlib import suppress
from dataclasses import replace
from typing import Any, Container, Iterator, Mapping, Sequence

from modelkiln.ensemble.programs import Program, list_programs
from modelkiln.package.imports import STANDARD_MODULES, Import, find_imports
from modelkiln.package.record import own_environment
from modelkiln.report.archive import iter_files
from modelkiln.report.graph import Edge, Graph, Node
from modelkiln.report.package import Package
from modelkiln.report.wheels import WheelContents
from modelkiln.wheels.platforms import Target

__all__ = ["code_graph", "debian_graph", "read_status"]

_STATUS = "var/lib/dpkg/status"
_CONTINUED = re.compile(r"\n[ \t]+")
# What starts a package, which travels with each, and an ensemble and its processes.
_RUNTIME = (
    "modelkiln/runtime/__main__.py",
    "modelkiln/runtime/ensemble/__main__.py",
    "modelkiln/runtime/ensemble/worker.py",
)


def code_graph(
    variant: Mapping[str, Any],
    texts: Mapping[str, bytes],
    wheels: Mapping[str, WheelContents],
    environment: str = "",
) -> Graph:
    """Return the graph of code and of the wheels of an environment, from the entry point on.

    texts: of the code that is at hand. Wheels without contents have no edges of their own. environment: its path in an
    image; without it, the package's own.
    """
    environment = environment or own_environment(variant)
    files = {file["path"]: None for file in variant.get("code") or ()}
    programs = list_programs(variant)
    entry = Node("entry", programs[0].entry_point)
    edges = list(_start_edges(entry, programs, files))
    owners = _owners(wheels)
    # The code of a member that excludes others lies in a folder of its own, also where that is in another one's.
    places = sorted(((one.folder, one.environment) for one in programs), key=lambda place: -len(place[0]))
    for path in files:
        folder, where = next(place for place in places if path.startswith(place[0]))
        for optional in (False, True) if path in texts and path.endswith(".py") else ():
            for one in find_imports(path[len(folder) :], texts[path], optional):
                found = replace(one, origin=folder + one.origin)
                edges += _import_edges(path, found, files, folder, owners if where == environment else {}, optional)
    for wheel in wheels.values():
        edges += _requirement_edges(wheel, wheels, variant.get("variant") or {})
    roots = [entry, *(Node("code", path) for path in _RUNTIME if path in files)]
    nodes = [*roots, *(Node("code", path) for path in files), *(Node("wheel", name) for name in wheels)]
    return Graph(nodes, roots, edges)


def _start_edges(entry: Node, programs: Sequence[Program], files: Container[str]) -> Iterator[Edge]:
    """From the entry point to what it calls."""
    for program in programs:
        script = _module_file(program.entry_point.partition(":")[0], files, program.folder)
        if script:
            what = f'the inference script of member "{program.member}"' if program.member else "the inference script"
            yield Edge(entry, Node("code", script), what)


def _module_file(module: str, files: Container[str], folder: str) -> str:
    """The file of a module, or "": one in `folder`, else one that all have."""
    paths = [f"{place}{module.replace('.', '/')}" for place in dict.fromkeys((folder, ""))]
    return next((one for path in paths for one in (f"{path}.py", f"{path}/__init__.py") if one in files), "")


def _owners(wheels: Mapping[str, WheelContents]) -> dict[str, list[str]]:
    """Module -> the wheels that have it: several for packages that distributions share, such as "google"."""
    found: dict[str, list[str]] = {}
    for wheel in wheels.values():
        for module in wheel.modules:
            found.setdefault(module, []).append(wheel.name)
    return found


def _import_edges(
    path: str, one: Import, files: Container[str], folder: str, owners: Mapping[str, list[str]], optional: bool
) -> Iterator[Edge]:
    source, reason = Node("code", path), f"{one.origin} imports {one.alternative or one.module}"
    parts = one.module.split(".")
    own = {_module_file(".".join(parts[:depth]), files, folder) for depth in range(1, len(parts) + 1)} - {""}
    yield from (Edge(source, Node("code", file), reason, optional) for file in sorted(own))
    if own or parts[0] in STANDARD_MODULES:
        return
    # The longest name that a wheel has: `google.protobuf.message` is of the one that has `google.protobuf`.
    for depth in range(len(parts), 0, -1):
        names = owners.get(".".join(parts[:depth]))
        if names:
            yield from (Edge(source, Node("wheel", name), reason, optional) for name in sorted(names))
            return


def _requirement_edges(
    wheel: WheelContents, wheels: Mapping[str, WheelContents], variant: Mapping[str, Any]
) -> Iterator[Edge]:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    # Which glibc the package runs on no marker asks for.
    target = Target(str(variant.get("python")), str(variant.get("platform")), "2.17")
    for text in wheel.headers.get("requires-dist", ()):
        with suppress(InvalidRequirement):
            requirement = Requirement(text)
            name = canonicalize_name(requirement.name)
            if name not in wheels:
                continue
            marker = requirement.marker
            environment = {**target.marker_environment(), "extra": ""}
            is_plain = marker is None or marker.evaluate(environment)
            of_extra = marker is not None and "extra" in str(marker)
            if is_plain or of_extra:
                reason = f"{wheel.name} {wheel.version} requires {text}"
                yield Edge(Node("wheel", wheel.name), Node("wheel", name), reason, not is_plain)


def read_status(package: Package) -> str:
    """Return dpkg's database in the package's base, deb-status(5); "" where its layer is not at hand."""
    blobs = package.open_blobs()
    if blobs is None:
        return ""
    for manifest in blobs.layout.manifests():
        for descriptor in manifest.blobs[1:]:
            layer = blobs.layer(descriptor)
            if layer is not None and layer.kind != "base":
                continue
            if not descriptor.media_type.partition("+")[0].endswith(".tar") or blobs.state(descriptor) == "missing":
                continue
            with blobs.open(descriptor) as stream:
                for path, _, read in iter_files(stream, descriptor.media_type, package.label):
                    if path == _STATUS:
                        return read().decode("utf-8", "replace")
    return ""


def debian_graph(status: str) -> tuple[Graph, dict[str, dict[str, str]]]:
    """Return the graph of a base's Debian packages, and the fields of each by its name."""
    found = {one["Package"]: one for one in map(_fields, status.split("\n\n")) if "Package" in one}
    provided: dict[str, list[str]] = {}
    for name, fields in found.items():
        for clause in _clauses(fields.get("Provides", "")):
            provided.setdefault(_name(clause), []).append(name)
    edges = []
    for name, fields in found.items():
        for clause in [*_clauses(fields.get("Pre-Depends", "")), *_clauses(fields.get("Depends", ""))]:
            for wanted in map(_name, clause.split("|")):
                for target in [wanted] if wanted in found else provided.get(wanted, []):
                    edges.append(Edge(Node("debian", name), Node("debian", target), f"{name} depends on {clause}"))
    return Graph([Node("debian", name) for name in sorted(found)], [], edges), found


# Read here: python-debian is among the libraries of those who lock and build bases, and not of who looks at them.
def _fields(paragraph: str) -> dict[str, str]:
    """The fields of a paragraph, deb822(5), each in one line."""
    lines = _CONTINUED.sub(" ", paragraph).splitlines()
    return {name: value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}


def _clauses(relations: str) -> list[str]:
    return [" ".join(one.split()) for one in relations.split(",") if one.strip()]


def _name(relation: str) -> str:
    """The package of "libc6:any (>= 2.36)", deb-control(5)."""
    return relation.split("(")[0].split("[")[0].strip().partition(":")[0]
