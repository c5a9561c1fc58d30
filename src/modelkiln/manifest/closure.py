"""Which wheels of a resolved lock a package needs: a pure function of its requirements."""

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Collection, Iterable, Mapping, Optional

from modelkiln.errors import ModelkilnError
from modelkiln.frozen_json import FrozenJson
from modelkiln.wheels.markers import holding_releases, releases_of
from modelkiln.wheels.platforms import Target

__all__ = ["LockedWheel", "closure", "with_built"]


@dataclass(frozen=True)
class LockedWheel:
    """One wheel of an environment; sha256 is hex, the name is canonical (PEP 503).

    requires: what the wheel's metadata asks for, as PEP 508 strings. needed_by: of a closure, the names of wheels
    that need it, and "" for the package itself. is_sdist: there is no wheel
    yet, file name and hash are those of the sdist that it is to be built from; has_other_wheels: and an index has
    wheels, whose hashes the lock lacks. build: of a wheel
    that was built from one, how (see `builds.wheel.build_wheel`). Of a wheel in the store: size and
    unpacked_size in bytes, the digest of its files, and the folders of its CUDA libraries, relative to site-packages.
    """

    name: str
    version: str
    filename: str
    sha256: str
    requires: tuple[str, ...] = field(default=(), compare=False)
    needed_by: tuple[str, ...] = field(default=(), compare=False)
    is_sdist: bool = False
    build: Optional[FrozenJson] = None
    size: int = 0
    unpacked_size: int = 0
    files: str = ""
    libraries: tuple[str, ...] = ()
    has_other_wheels: bool = False

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "LockedWheel":
        """Read a wheel of a resolved lock, or what `to_json` gave."""
        return cls(
            value["name"],
            value["version"],
            value["filename"],
            value["sha256"],
            tuple(value.get("requires", ())),
            is_sdist=value.get("is_sdist", False),
            has_other_wheels=value.get("has_other_wheels", False),
            build=FrozenJson.of(value["build"]) if value.get("build") else None,
            size=value.get("size", 0),
            unpacked_size=value.get("unpacked_size", 0),
            files=value.get("files", ""),
            libraries=tuple(value.get("libraries", ())),
        )

    def to_json(self) -> dict[str, Any]:
        """The wheel as packages' records and recipes hold it, without what is not known of it."""
        pinned = {"name": self.name, "version": self.version, "filename": self.filename, "sha256": self.sha256}
        known = {
            "build": self.build.to_json() if self.build else None,
            "size": self.size,
            "unpacked_size": self.unpacked_size,
            "files": self.files,
            "libraries": list(self.libraries),
        }
        return {**pinned, **{key: value for key, value in known.items() if value}}


def with_built(resolved: Mapping[str, Any], built: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what `resolve_lock` returned with wheels in the place of the sdists that they were built from."""
    by_name = {wheel["name"]: {**wheel, "problem": None} for wheel in built}
    return {**resolved, "wheels": [by_name.get(wheel["name"], wheel) for wheel in resolved["wheels"]]}


def closure(
    resolved: Mapping[str, Any], roots: Iterable[str], without: Collection[str] = (), remedy: str = ""
) -> tuple[LockedWheel, ...]:
    """Return the wheels that `roots` (requirement strings) need, sorted by name.

    without: canonical names of what is left out, with all that nothing else needs. remedy: the command that writes the
    lock anew.

    A pure function of what `resolve_lock` returned. Markers and extras are evaluated for its
    target. Where its patch release is not known, what any needs is taken as far as the lock has it.
    Projects of the repository itself that the lock names ("own") are code and no wheels.
    Raises ModelkilnError for a requirement that the lock lacks, a root that excludes the
    locked version, and a wheel that does not exist for the target.
    """
    target = Target.from_json(resolved)
    walk = _Walk(resolved, target, frozenset(without).union(resolved.get("own", ())), remedy)
    for root in roots:
        walk.visit(root)
    walk.check_lacking()
    return tuple(replace(walk.found[name], needed_by=tuple(sorted(walk.parents[name]))) for name in sorted(walk.found))


# A monorepo's packages ask for the same ones, and parsing takes most of a walk's time.
@lru_cache(maxsize=1 << 14)
def _requirement(text: str) -> Any:
    from packaging.requirements import Requirement

    # packaging before 22 compares extras as they are written.
    return Requirement(_EXTRA.sub(lambda match: match[1] + _canonical(match[2]) + match[3], text))


class _Walk:
    """A walk over requirements; `found` holds the wheels met, by name, and `parents` who needs each."""

    def __init__(self, resolved: Mapping[str, Any], target: Target, without: frozenset[str], remedy: str) -> None:
        self._lock = resolved.get("lock", "the lock")
        self._source = "requirements that it is made from" if remedy else ".in file"
        self._again = f"lock it again: {remedy}." if remedy else "compile the lock again."
        self._without = without
        self._target = target
        self._environment = target.marker_environment()
        named = frozenset(target.releases) - {target.python}
        # Of several releases that run it and are all known, no others matter.
        self._named = named
        self._every = named if named and target.python not in target.releases else releases_of(self._environment)
        self._wheels = {wheel["name"]: wheel for wheel in resolved["wheels"]}
        # By wheel and extra ("" for the wheel itself), the releases that need it.
        self._needed: dict[str, dict[str, frozenset[str]]] = {}
        self._lacking: dict[str, frozenset[str]] = {}
        self.found: dict[str, LockedWheel] = {}
        self.parents: dict[str, set[str]] = {}

    def visit(self, root: str) -> None:
        """Follow a requirement of the package itself."""
        from packaging.utils import canonicalize_name

        # A list and not recursion: chains of requirements have no bound.
        waiting = [(root, "", {"": self._every})]
        while waiting:
            text, parent, extras = waiting.pop()
            requirement = self._parse(text, parent)
            if self._without and canonicalize_name(requirement.name) in self._without:
                continue
            releases = self._releases(requirement, extras)
            if not releases:
                continue
            wheel = self._wheel(requirement, canonicalize_name(requirement.name), parent, releases)
            if wheel is None:
                continue
            self.parents.setdefault(wheel.name, set()).add(parent)
            # "" stands for the wheel itself; extras ask for more of it.
            known = self._needed.setdefault(wheel.name, {})
            wanted = {extra: releases | known.get(extra, frozenset()) for extra in _extras(requirement)}
            if any(known.get(extra) != needed for extra, needed in wanted.items()):
                known.update(wanted)
                waiting += [(needed, wheel.name, dict(known)) for needed in wheel.requires]

    def check_lacking(self) -> None:
        """Refuse a lock that no patch release, or not each of those that run it, is content with."""
        content = self._every.difference(*self._lacking.values())
        for message, releases in self._lacking.items():
            if not content or releases & self._named:
                which = ", ".join(sorted(releases & self._named)) or f"some patch releases of {self._target.python}"
                raise ModelkilnError(f"{message} Python {which} needs it by its marker.")

    def _parse(self, text: str, parent: str) -> Any:
        from packaging.requirements import InvalidRequirement

        try:
            requirement = _requirement(text)
        except InvalidRequirement as error:
            raise ModelkilnError(
                f"{self._lock}: {text!r}{_by(parent)} is not a requirement (PEP 508): {error}"
            ) from None
        if requirement.url and not parent:
            raise ModelkilnError(
                f"{self._lock}: {text!r} names a URL. Pin a released version, and compile the lock again."
            )
        return requirement

    def _releases(self, requirement: Any, extras: Mapping[str, frozenset[str]]) -> frozenset[str]:
        """The releases that a requirement applies to. extras: of its parent, with the releases that need each."""
        if requirement.marker is None:
            return frozenset().union(*extras.values())
        return frozenset().union(
            *(
                needed & holding_releases(requirement.marker, self._environment, extra)
                for extra, needed in sorted(extras.items())
            )
        )

    def _wheel(self, requirement: Any, name: str, parent: str, releases: frozenset[str]) -> Optional[LockedWheel]:
        """The wheel that the lock has for a requirement; None where it has none and only some releases want one."""
        if name not in self._wheels:
            message = (
                f"{requirement.name}{_by(parent)} is not in the lock {self._lock} for {self._target}; "
                f"add it to the {self._source} and {self._again}"
            )
            if releases == self._every:
                raise ModelkilnError(message)
            self._lacking[message] = self._lacking.get(message, frozenset()) | releases
            return None
        locked = self._wheels[name]
        if not parent and not requirement.specifier.contains(locked["version"], prereleases=True):
            raise ModelkilnError(
                f"{requirement} excludes {name} {locked['version']}, which the lock {self._lock} has. "
                f"Change the requirement, or {self._again}"
            )
        if locked["problem"]:
            raise ModelkilnError(
                f"{name} {locked['version']}{_by(parent)} has no wheel for {self._target} in the lock "
                f"{self._lock}. Lock a version that has one, or choose a base image with a newer glibc "
                f"or another Python. {locked['problem']}"
            )
        if name not in self.found:
            self.found[name] = LockedWheel.from_json(locked)
        return self.found[name]


def _extras(requirement: Any) -> list[str]:
    return ["", *map(_canonical, requirement.extras)]


def _by(parent: str) -> str:
    return f", which {parent} needs," if parent else ""


_EXTRA = re.compile(r"""(\bextra\s*[=!]=\s*["'])([^"']*)(["'])""")


def _canonical(extra: str) -> str:
    # PEP 685.
    return re.sub(r"[-_.]+", "-", extra).lower()
