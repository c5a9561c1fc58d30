"""Which inputs of a package changed, by two records of it."""

from dataclasses import dataclass, replace
from typing import Any, Iterable, Iterator, Mapping, Optional

from modelkiln.ensemble.programs import members_by_environment, wheels_by_environment
from modelkiln.layer import Layer
from modelkiln.recipe import DEBIAN, Recipe

__all__ = [
    "Change",
    "changed",
    "debian_packages",
    "input_changes",
    "named_changes",
    "recipe_inputs",
    "record_metrics",
    "title_of",
]

# Inputs of a record that are compared part by part, and what follows from others.
_BY_PART = frozenset(("code", "artifacts", "requirements", "signature", "metadata", "base", "image", "package_digest"))
_OUTPUTS = frozenset(("formats", "layers", "sources", "variants", "schema", "packages"))
_RUNTIME = "modelkiln/"


@dataclass(frozen=True)
class Change:
    """One input that differs. kind: "code", "runtime" (of Modelkiln itself), "wheel", "artifact", "debian", "base",
    "metadata" or "setting". before, after: a version, a sha256 or a value; None for what is not there. members: of an
    ensemble with several environments, those that run in the one that a wheel is of."""

    kind: str
    name: str
    before: Any
    after: Any
    members: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object with all fields; members where there are any."""
        found = {"kind": self.kind, "name": self.name, "before": self.before, "after": self.after}
        return {**found, "members": list(self.members)} if self.members else found


def title_of(change: Mapping[str, Any]) -> str:
    """Return the name of a change, as JSON, with the members of the environment that it is in."""
    return change["name"] + (f" of {', '.join(change['members'])}" if change.get("members") else "")


def changed(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Yield the changes between two mappings, by name."""
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield Change(kind, name, before.get(name), after.get(name))


def named_changes(kind: str, before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> list[Change]:
    """Return the changes between two lists of objects with "name", "version" and "sha256".

    Where the version is the same and the file is another one, the file names or digests are what changed.
    """
    one, other = ({item["name"]: item for item in items} for items in (before, after))
    found = []
    for name in sorted({*one, *other}):
        old, new = one.get(name), other.get(name)
        if old is None or new is None or old.get("sha256") != new.get("sha256"):
            found.append(Change(kind, name, *_versions(old, new)))
    return found


def _versions(old: Optional[Mapping[str, Any]], new: Optional[Mapping[str, Any]]) -> tuple[Any, Any]:
    if old is None or new is None or old.get("version") != new.get("version"):
        return old.get("version") if old else None, new.get("version") if new else None
    names = [str(one.get("filename", "")).rpartition("/")[2] for one in (old, new)]
    if names[0] == names[1]:
        names = [str(one.get("sha256", ""))[:12] for one in (old, new)]
    return f"{old.get('version')} ({names[0]})", f"{new.get('version')} ({names[1]})"


def input_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Return what differs between the inputs of two packages, records with or without layers."""
    found = [*_files("code", before, after), *_files("artifacts", before, after)]
    found += _wheels(before, after)
    old, new = (debian_packages(record) for record in (before, after))
    found += named_changes("debian", old, new) if old and new else []
    base_before, base_after = (dict(record.get("base") or {}) for record in (before, after))
    if old and new:  # The lock's digest is that of its packages and of what is compared with the layers.
        base_before.pop("lock", None), base_after.pop("lock", None)
    found += changed("base", base_before, base_after)
    found += changed("metadata", *(_flat(_described(record)) for record in (before, after)))
    settings = [
        {
            key: _without_environments(value) if key == "ensemble" else value
            for key, value in record.items()
            if _is_setting(key)
        }
        for record in (before, after)
    ]
    found += changed("setting", *(_flat({**kept, "image": _settings(r)}) for kept, r in zip(settings, (before, after))))
    return found


def _wheels(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """The changes of wheels, environment by environment."""
    old, new = (wheels_by_environment(record) for record in (before, after))
    members = [members_by_environment(record) for record in (before, after)]
    is_several = len(old) > 1 or len(new) > 1
    for one, other in _pairs(*members):
        names = members[1].get(other or "") or members[0].get(one or "") or ()
        for change in named_changes("wheel", old.get(one or "", ()), new.get(other or "", ())):
            yield replace(change, members=names) if is_several else change


def _pairs(
    before: Mapping[str, tuple[str, ...]], after: Mapping[str, tuple[str, ...]]
) -> list[tuple[Optional[str], Optional[str]]]:
    """The environments to compare, by their members: their paths follow from their wheels."""
    left, own = list(after), (next(iter(before)), next(iter(after)))
    found: list[tuple[Optional[str], Optional[str]]] = []
    alike = {(one, other): len({*before[one]} & {*after[other]}) for one in before for other in after}
    # A package's own first where both have as many members.
    for one, other in sorted(alike, key=lambda pair: (-alike[pair], pair != own, pair[0] != pair[1])):
        if other in left and all(one != pair[0] for pair in found) and (alike[one, other] or (one, other) == own):
            found.append((one, other))
            left.remove(other)
    places = list(before)
    found.sort(key=lambda pair: places.index(pair[0] or ""))
    gone = [(one, None) for one in before if all(one != pair[0] for pair in found)]
    return [*found, *gone, *((None, other) for other in left)]


def _without_environments(ensemble: Any) -> Any:
    """An ensemble without what follows from wheels: environments, and their paths and folders at its members."""
    if not isinstance(ensemble, Mapping):
        return ensemble
    members = {name: _without_place(member) for name, member in (ensemble.get("members") or {}).items()}
    return {**{key: value for key, value in ensemble.items() if key != "environments"}, "members": members}


def _without_place(member: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in member.items() if key != "libraries"}
    found.update({"environment": "its own"} if "environment" in member else {})
    found.update({"ensemble": _without_environments(member["ensemble"])} if "ensemble" in member else {})
    return found


def debian_packages(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the Debian packages of a record's base layers, as the base's lock lists them."""
    for layer in record.get("layers") or ():
        recipe = Recipe(layer["recipe"]) if layer.get("recipe") else None
        if layer.get("kind") == "base" and recipe is not None and recipe.packer == DEBIAN:
            return list((recipe.get("lock") or {}).get("packages") or ())
    return []


def recipe_inputs(layer: Layer) -> dict[str, Any]:
    """Return the inputs that a layer is made from, {} where it has no recipe."""
    return layer.recipe.to_json() if layer.recipe else {}


def _files(key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    one, other = ({file["path"]: file["sha256"] for file in record.get(key) or ()} for record in (before, after))
    for change in changed("code" if key == "code" else "artifact", one, other):
        is_runtime = key == "code" and change.name.startswith(_RUNTIME)
        yield Change("runtime", change.name, change.before, change.after) if is_runtime else change


def _is_setting(key: str) -> bool:
    return key not in _BY_PART and key not in _OUTPUTS


def record_metrics(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metrics in a record's metadata; none where they are not an object, as metadata may have anything."""
    found = (record.get("metadata") or {}).get("metrics")
    return dict(found) if isinstance(found, Mapping) else {}


def _described(record: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata but for metrics, which have a part of their own."""
    is_apart = bool(record_metrics(record))
    return {key: value for key, value in (record.get("metadata") or {}).items() if key != "metrics" or not is_apart}


def _settings(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of the image: not its diff IDs, which follow from all other inputs."""
    config = dict((record.get("image") or {}).get("config") or {})
    env = dict(str(line).partition("=")[::2] for line in config.pop("Env", None) or ())
    return {**config, **({"Env": env} if env else {})}


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """What a nested object holds, by the path to it: "image.Env.PATH"."""
    if not isinstance(value, Mapping):
        return {prefix: value}
    found: dict[str, Any] = {}
    for key, inner in value.items():
        found.update(_flat(inner, f"{prefix}.{key}" if prefix else str(key)))
    return found
