"""The locks that uv writes (`uv.lock`), by itself or for Pants whose resolver it is.

uv promises nothing of their form beyond `version`. Read are, of version 1, the packages that the locked
project needs, by its dependencies, with all of its extras and groups: names, versions and hashes.
"""

import sys
from itertools import chain
from typing import Any, Mapping, Optional, Sequence

from modelkiln.errors import ModelkilnError, reason
from modelkiln.manifest.locks.origin import origin_issue
from modelkiln.wheels.markers import holds

__all__ = ["is_uv_lock", "own_projects", "uv_lines"]

_VERSION = 1
# The project that was locked, with what it requires.
_OWN = (("virtual", "."), ("editable", "."))
_EXPORT = "uv export --format requirements-txt"

Package = Mapping[str, Any]


def is_uv_lock(text: str) -> bool:
    """Whether a lock has tables of packages, as a requirements file cannot."""
    return "[[package]]" in text.splitlines()


def uv_lines(text: str, where: str, environment: Mapping[str, str]) -> list[str]:
    """Return the packages of a lock that are needed in a marker environment, as lines of a requirements file.

    Raises ModelkilnError that lists all that do not come from an index, and for a lock of other Pythons.
    """
    try:
        lock = _load(text)
        issue = _lock_issue(lock, environment)
        packages = [] if issue else _needed(lock, environment)
        issues = [one for one in (issue, *map(_package_issue, packages)) if one]
        lines = [_line(one) for one in packages]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelkilnError(
            f"{where}: looks like a lock of uv and cannot be read as one ({reason(error)}). Lock again, or take what "
            f"{_EXPORT} writes, which is a lock, too."
        ) from None
    if issues:
        raise ModelkilnError(f"{where}: " + " ".join(issues))
    return lines


def own_projects(text: str) -> list[str]:
    """Return the names of the projects that a lock was made for: of a workspace, its members. Their code is no wheel.

    text: a lock that `uv_lines` has read.
    """
    return sorted(one["name"] for one in _own(_load(text)))


def _load(text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    lock = tomllib.loads(text)
    if lock["version"] != _VERSION:
        raise ValueError(f"version {lock['version']}, where {_VERSION} is known")
    return lock


def _lock_issue(lock: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    """Say why a lock as a whole does not serve an environment, or nothing."""
    from packaging.markers import Marker
    from packaging.specifiers import SpecifierSet

    if lock.get("conflicts"):
        return (
            "holds extras or groups that exclude each other, of which a resolve can have one: lock each with "
            f"{_EXPORT} --extra NAME."
        )
    python = environment["python_full_version"]
    for one in SpecifierSet(lock.get("requires-python", "")):
        if not holds(Marker(f"python_full_version {one.operator} '{one.version}'"), environment):
            return (
                f"is locked for Python {lock['requires-python']}, which {python} is not: change requires-python of "
                "the project, or of its resolve in Pants the interpreter constraints, and lock again."
            )
    return ""


def _needed(lock: Mapping[str, Any], environment: Mapping[str, str]) -> list[Package]:
    """What is reached from the locked projects along dependencies whose markers hold, without the projects."""
    packages, manifest = lock["package"], lock.get("manifest", {})
    own = _own(lock)
    waiting = [edge for one in own for edges in _edges_by_extra(one).values() for edge in edges]
    # What a workspace without a project of its own asks for, and a script.
    waiting += [*manifest.get("requirements", []), *chain(*manifest.get("dependency-groups", {}).values())]
    if not own and not waiting:
        raise ValueError("no project that was locked")
    reached: dict[int, Package] = {}
    done = set()
    while waiting:
        edge = waiting.pop()
        if not _holds(edge.get("marker"), environment):
            continue
        for package in (one for one in packages if _is_meant(one, edge, environment)):
            reached[id(package)] = package
            edges = _edges_by_extra(package)
            for extra in {"", *edge.get("extra", []), *edge.get("extras", [])} & set(edges):
                if (id(package), extra) not in done:
                    done.add((id(package), extra))
                    waiting.extend(edges[extra])
    return [one for one in packages if id(one) in reached and one not in own]


def _own(lock: Mapping[str, Any]) -> list[Package]:
    members = lock.get("manifest", {}).get("members", [])
    return [one for one in lock["package"] if _place(one) in _OWN or one["name"] in members]


def _edges_by_extra(package: Package) -> dict[str, Sequence[Mapping[str, Any]]]:
    """The dependencies of a package, without an extra under "", and of groups, which only projects have."""
    groups = {f"group {name}": edges for name, edges in package.get("dev-dependencies", {}).items()}
    return {"": package.get("dependencies", []), **package.get("optional-dependencies", {}), **groups}


def _is_meant(package: Package, edge: Mapping[str, Any], environment: Mapping[str, str]) -> bool:
    """Whether a dependency is on this package: of several versions it names one, or their markers decide."""
    markers = package.get("resolution-markers", [])
    return all(package.get(key) == edge[key] for key in ("name", "version", "source") if key in edge) and (
        not markers or any(_holds(one, environment) for one in markers)
    )


def _holds(marker: Optional[str], environment: Mapping[str, str]) -> bool:
    from packaging.markers import InvalidMarker, Marker

    try:
        return holds(Marker(marker) if marker else None, environment)
    except InvalidMarker:
        raise ValueError(f"{marker!r} is not a marker") from None


def _place(package: Package) -> tuple[str, str]:
    """Where a package comes from: the kind of place (registry, git, path, ...) and the place."""
    ((kind, place),) = ((kind, place) for kind, place in package["source"].items() if kind != "subdirectory")
    return kind, place


def _package_issue(package: Package) -> str:
    kind, place = _place(package)
    if kind == "registry":
        return "" if _hashes(package) else f"{package['name']} {package['version']} has no sha256 of any file."
    return origin_issue(package["name"], kind, place)


def _line(package: Package) -> str:
    return f"{package['name']}=={package['version']}" + "".join(f" --hash={value}" for value in _hashes(package))


def _hashes(package: Package) -> list[str]:
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    return [file["hash"] for file in files if file.get("hash", "").startswith("sha256:")]
