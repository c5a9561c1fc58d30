"""Why something is in a package, and what leaving it out would save."""

from typing import Any, Mapping, Optional

from modelkiln.base.debian_mirrors import deb_digest
from modelkiln.base.debian_package import iter_data
from modelkiln.base.debian_root import keeps, merged_path
from modelkiln.ensemble.programs import members_by_environment, wheels_by_environment
from modelkiln.errors import ModelkilnError
from modelkiln.report.code import code_texts
from modelkiln.report.graph import Graph, Node
from modelkiln.report.inputs import debian_packages
from modelkiln.report.needs import code_graph, debian_graph, read_status
from modelkiln.report.package import Package
from modelkiln.report.wheels import File, WheelContents, read_wheels

__all__ = ["explain"]


class _Package:
    """One environment of a package with all that reasons are found by."""

    def __init__(self, package: Package, variant: Mapping[str, Any], environment: str) -> None:
        self.package, self.environment = package, environment
        self.place: dict[str, Any] = {}
        if "ensemble" in variant:
            self.place = {"environment": environment, "members": list(members_by_environment(variant)[environment])}
        self.code = {file["path"]: file for file in variant.get("code") or ()}
        self.artifacts = {file["path"]: file for file in variant.get("artifacts") or ()}
        self.wheels = read_wheels(package, variant, environment)
        self.graph = code_graph(variant, code_texts(package, set(self.code)), self.wheels, environment)


def explain(package: Package, name: str) -> dict[str, Any]:
    """Return what `docs/schemas/why.json` describes.

    name: a wheel, a Debian package, or a file by its path in the package. An ensemble with several environments may
    have a wheel in each: those after the first one are below "elsewhere". Raises ModelkilnError where the package has
    no such thing, and for packages whose bytes are not on this machine.
    """
    if package.kind in ("registry", "record"):
        raise ModelkilnError(
            f"{package.label}: its bytes are not on this machine, and imports and requirements are read from them. "
            f"Name a package of dist/, or fetch it: modelkiln pull {package.label} -o DIR."
        )
    for variant in package.variants:
        environments = [_Package(package, variant, path) for path in wheels_by_environment(variant)]
        found = _own_file(environments[0], name)
        if found:
            return found
        several = [one for one in (_in_environment(opened, name) for opened in environments) if one]
        if several:
            return {**several[0], **({"elsewhere": several[1:]} if several[1:] else {})}
    found = _debian(package, name)
    if found:
        return found
    listed = [one for each in package.variants for wheels in wheels_by_environment(each).values() for one in wheels]
    wheels = ", ".join(sorted({one["name"] for one in listed}))
    raise ModelkilnError(
        f"{package.label}: holds no wheel, Debian package or file {name!r}. Its wheels are {wheels or 'none'}; name a "
        "file by its path in the package, as in models/digits/predict.py."
    )


def _in_environment(opened: _Package, name: str) -> Optional[dict[str, Any]]:
    """A wheel of an environment, or a file of one."""
    found = _wheel(opened, name) or _wheel_file(opened, name)
    return {**found, **opened.place} if found else None


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


def _own_file(opened: _Package, name: str) -> Optional[dict[str, Any]]:
    """A file of code, or of a model artifact."""
    path = name.strip("/")
    for folder in ("app/", "models/"):
        known = opened.code if folder == "app/" else opened.artifacts
        for candidate in (path, path[len(folder) :] if path.startswith(folder) else path):
            if candidate in known:
                return _why_own(opened, candidate, known[candidate], folder == "app/")
    return None


def _why_own(opened: _Package, path: str, file: Mapping[str, Any], is_code: bool) -> dict[str, Any]:
    size = file.get("size", 0)
    if is_code:
        found = _reasons(opened.graph, Node("code", path), "")
    else:
        reason = "a model artifact of the package: the field `artifacts` names its target"
        found = {"kind": "artifact", "name": path, "version": "", "chain": [reason]}
        found.update(needed_by=[], unexplained=False)
    return {**found, "without": {"items": [path], "size": size, "unpacked_size": size}}


def _wheel_file(opened: _Package, name: str) -> Optional[dict[str, Any]]:
    """A file of a wheel, by its path in site-packages or in an image."""
    above, is_installed, inside = name.strip("/").partition("site-packages/")
    if not is_installed:
        above, inside = "", above
    elif above.startswith("opt/") and not above.startswith(f"{opened.environment}/"):
        return None
    for wheel in opened.wheels.values():
        for file in wheel.files:
            if file.path == inside:
                return _why_installed(opened, wheel, file)
    return None


def _why_installed(opened: _Package, wheel: WheelContents, file: File) -> dict[str, Any]:
    found = _reasons(opened.graph, Node("wheel", wheel.name), "")
    chain = [*found["chain"], f"{wheel.name} {wheel.version} contains {file.path}"]
    without = {"items": [file.path], "size": file.packed or file.size, "unpacked_size": file.size}
    return {**found, "kind": "file", "name": file.path, "chain": chain, "without": without}


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
