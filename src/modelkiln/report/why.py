"""Why something is in a package, and what leaving it out would save."""

from typing import Any, Mapping, Optional

from modelkiln.base.debian_mirrors import deb_digest
from modelkiln.base.debian_package import iter_data
from modelkiln.base.debian_root import keeps, merged_path
from modelkiln.errors import ModelkilnError
from modelkiln.report.code import code_texts
from modelkiln.report.graph import Graph, Node
from modelkiln.report.inputs import debian_packages
from modelkiln.report.needs import code_graph, debian_graph, read_status
from modelkiln.report.package import Package
from modelkiln.report.wheels import WheelContents, read_wheels

__all__ = ["explain"]


class _Package:
    """A package with all that reasons are found by."""

    def __init__(self, package: Package, variant: Mapping[str, Any]) -> None:
        self.package, self.variant = package, variant
        self.code = {file["path"]: file for file in variant.get("code") or ()}
        self.artifacts = {file["path"]: file for file in variant.get("artifacts") or ()}
        self.wheels = read_wheels(package, variant)
        self.graph = code_graph(variant, code_texts(package, set(self.code)), self.wheels)


def explain(package: Package, name: str) -> dict[str, Any]:
    """Return what `docs/schemas/why.json` describes.

    name: a wheel, a Debian package, or a file by its path in the package. Raises ModelkilnError where the package
    has no such thing, and for packages whose bytes are not on this machine.
    """
    if package.kind in ("registry", "record"):
        raise ModelkilnError(
            f"{package.label}: its bytes are not on this machine, and imports and requirements are read from them. "
            f"Name a package of dist/, or fetch it: modelkiln pull {package.label} -o DIR."
        )
    for variant in package.variants:
        opened = _Package(package, variant)
        found = _wheel(opened, name) or _file(opened, name)
        if found:
            return found
    found = _debian(package, name)
    if found:
        return found
    wheels = ", ".join(sorted({one["name"] for each in package.variants for one in each.get("requirements") or ()}))
    raise ModelkilnError(
        f"{package.label}: holds no wheel, Debian package or file {name!r}. Its wheels are {wheels or 'none'}; name a "
        "file by its path in the package, as in models/digits/predict.py."
    )


def _wheel(opened: _Package, name: str) -> Optional[dict[str, Any]]:
    from packaging.utils import canonicalize_name

    wheel = opened.wheels.get(canonicalize_name(name))
    if wheel is None:
        return None
    node = Node("wheel", wheel.name)
    gone = [opened.wheels[one.name] for one in opened.graph.only_through(node) if one.kind == "wheel"]
    return {
        **_reasons(opened.graph, node, wheel.version),
        "without": {
            "items": [f"{one.name} {one.version}" for one in gone],
            "size": sum(one.size for one in gone),
            "unpacked_size": sum(one.unpacked_size for one in gone),
        },
    }


def _file(opened: _Package, name: str) -> Optional[dict[str, Any]]:
    path = name.strip("/")
    for folder in ("app/", "models/"):
        known = opened.code if folder == "app/" else opened.artifacts
        for candidate in (path, path[len(folder) :] if path.startswith(folder) else path):
            if candidate in known:
                return _own_file(opened, candidate, known[candidate], folder == "app/")
    inside = path.partition("site-packages/")[2] or path
    for wheel in opened.wheels.values():
        for file in wheel.files:
            if file.path == inside:
                return _wheel_file(opened, wheel, file.path, file.size, file.packed)
    return None


def _own_file(opened: _Package, path: str, file: Mapping[str, Any], is_code: bool) -> dict[str, Any]:
    size = file.get("size", 0)
    if is_code:
        found = _reasons(opened.graph, Node("code", path), "")
    else:
        reason = "a model artifact of the package: the field `artifacts` names its target"
        found = {"kind": "artifact", "name": path, "version": "", "chain": [reason]}
        found.update(needed_by=[], unexplained=False)
    return {**found, "without": {"items": [path], "size": size, "unpacked_size": size}}


def _wheel_file(opened: _Package, wheel: WheelContents, path: str, size: int, packed: int) -> dict[str, Any]:
    found = _reasons(opened.graph, Node("wheel", wheel.name), "")
    chain = [*found["chain"], f"{wheel.name} {wheel.version} contains {path}"]
    without = {"items": [path], "size": packed or size, "unpacked_size": size}
    return {**found, "kind": "file", "name": path, "chain": chain, "without": without}


def _debian(package: Package, name: str) -> Optional[dict[str, Any]]:
    graph, paragraphs = debian_graph(read_status(package))
    locked = {one["name"]: one for one in debian_packages(package.record)}
    if name not in paragraphs:
        return _debian_file(package, graph, locked, name.strip("/")) if "/" in name else None
    gone = [one.name for one in graph.only_through(Node("debian", name))]
    return {
        **_reasons(graph, Node("debian", name), paragraphs[name]["Version"]),
        "without": {
            "items": [f"{one} {paragraphs[one]['Version']}" for one in gone],
            "size": sum(locked.get(one, {}).get("size", 0) for one in gone),
            "unpacked_size": sum(int(paragraphs[one].get("Installed-Size") or 0) << 10 for one in gone),
        },
    }


def _debian_file(
    package: Package, graph: Graph, locked: Mapping[str, Mapping[str, Any]], path: str
) -> Optional[dict[str, Any]]:
    """Which package has a file of the base, by the packages themselves, which the store has."""
    for name, one in locked.items():
        if package.store is None or not package.store.path(deb_digest(one)).is_file() or not keeps(path, "file"):
            continue
        where = f"Debian package {name}"
        with package.store.open(deb_digest(one)) as stream:
            sizes = {
                merged_path(entry.path): entry.size for entry, _ in iter_data(stream, where) if entry.kind == "file"
            }
        if path in sizes:
            found = _reasons(graph, Node("debian", name), "")
            chain = [*found["chain"], f"{name} {one['version']} contains /{path}"]
            without = {"items": [path], "size": sizes[path], "unpacked_size": sizes[path]}
            return {**found, "kind": "file", "name": path, "chain": chain, "without": without}
    return None


def _reasons(graph: Graph, node: Node, version: str) -> dict[str, Any]:
    chain = graph.chain(node)
    start = chain[0].source if chain else node
    return {
        "kind": node.kind,
        "name": node.name,
        "version": version,
        "chain": [_first(start, graph), *(edge.reason for edge in chain)],
        "needed_by": sorted(
            ({"reason": edge.reason, "optional": edge.is_optional} for edge in graph.needed_by(node)),
            key=lambda one: one["reason"],
        ),
        "unexplained": start in graph.unexplained,
    }


def _first(node: Node, graph: Graph) -> str:
    """Why a chain begins where it does."""
    if node.kind == "entry":
        return f"the entry point {node.name}"
    if node not in graph.unexplained:
        return f"{node.name}, which starts the package"
    if node.kind == "debian":
        return f"nothing in the base depends on {node.name}: its package list names it"
    what = "no code imports it" if node.kind == "code" else "no code imports it and no wheel requires it"
    return f"{node.name}: {what}; it is a dependency of the target, or needed by what the artifacts load"
