"""Which wheels of a resolved lock a package needs: a pure function of its requirements."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Iterable, Mapping, Optional

from modelkiln.errors import ModelkilnError
from modelkiln.frozen_json import FrozenJson
from modelkiln.wheels.platforms import Target

__all__ = ["LockedWheel", "closure", "with_built"]


@dataclass(frozen=True)
class LockedWheel:
    """One wheel of an environment; sha256 is hex, the name is canonical (PEP 503).

    requires: what the wheel's metadata asks for, as PEP 508 strings. is_sdist: there is no wheel
    yet, file name and hash are those of the sdist that it is to be built from. build: of a wheel
    that was built from one, how (see `builds.wheel.build_wheel`). Of a wheel in the store: size and
    unpacked_size in bytes, and the folders of its CUDA libraries, relative to site-packages.
    """

    name: str
    version: str
    filename: str
    sha256: str
    requires: tuple[str, ...] = field(default=(), compare=False)
    is_sdist: bool = False
    build: Optional[FrozenJson] = None
    size: int = 0
    unpacked_size: int = 0
    libraries: tuple[str, ...] = ()

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
            build=FrozenJson.of(value["build"]) if value.get("build") else None,
            size=value.get("size", 0),
            unpacked_size=value.get("unpacked_size", 0),
            libraries=tuple(value.get("libraries", ())),
        )

    def to_json(self) -> dict[str, Any]:
        """The wheel as packages' records and recipes hold it, without what is not known of it."""
        pinned = {"name": self.name, "version": self.version, "filename": self.filename, "sha256": self.sha256}
        known = {
            "build": self.build.to_json() if self.build else None,
            "size": self.size,
            "unpacked_size": self.unpacked_size,
            "libraries": list(self.libraries),
        }
        return {**pinned, **{key: value for key, value in known.items() if value}}


def with_built(resolved: Mapping[str, Any], built: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what `resolve_lock` returned with wheels in the place of the sdists that they were built from."""
    by_name = {wheel["name"]: {**wheel, "problem": None} for wheel in built}
    return {**resolved, "wheels": [by_name.get(wheel["name"], wheel) for wheel in resolved["wheels"]]}


def closure(resolved: Mapping[str, Any], roots: Iterable[str]) -> tuple[LockedWheel, ...]:
    """Return the wheels that `roots` (requirement strings) need, sorted by name.

    A pure function of what `resolve_lock` returned. Markers and extras are evaluated for its
    target. Raises ModelkilnError for a requirement that the lock lacks, a root that excludes the
    locked version, and a wheel that does not exist for the target.
    """
    target = Target.from_json(resolved)
    walk = _Walk(resolved, target)
    for root in roots:
        walk.visit(root, "", frozenset([""]))
    return tuple(walk.found[name] for name in sorted(walk.found))


# A monorepo's packages ask for the same ones, and parsing takes most of a walk's time.
@lru_cache(maxsize=1 << 14)
def _requirement(text: str) -> Any:
    from packaging.requirements import Requirement

    # packaging before 22 compares extras as they are written.
    return Requirement(_EXTRA.sub(lambda match: match[1] + _canonical(match[2]) + match[3], text))


class _Walk:
    """A walk over requirements; `found` holds the wheels met, by name."""

    def __init__(self, resolved: Mapping[str, Any], target: Target) -> None:
        self._lock = resolved.get("lock", "the lock")
        self._target = target
        self._environment = target.marker_environment()
        self._wheels = {wheel["name"]: wheel for wheel in resolved["wheels"]}
        self._extras: dict[str, frozenset[str]] = {}
        self.found: dict[str, LockedWheel] = {}

    def visit(self, text: str, parent: str, extras: Iterable[str]) -> None:
        """Follow one requirement of `parent` ("" for a root), asked for with these extras."""
        from packaging.utils import canonicalize_name

        # A list and not recursion: chains of requirements have no bound.
        waiting = [(text, parent, frozenset(extras))]
        while waiting:
            text, parent, extras = waiting.pop()
            requirement = self._parse(text, parent)
            if not self._applies(requirement, extras):
                continue
            wheel = self._wheel(requirement, canonicalize_name(requirement.name), parent)
            # "" stands for the package itself; extras ask for more of it.
            wanted = frozenset(["", *map(_canonical, requirement.extras)])
            known = self._extras.get(wheel.name, frozenset())
            if not wanted <= known:
                self._extras[wheel.name] = known | wanted
                waiting += [(needed, wheel.name, known | wanted) for needed in wheel.requires]

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

    def _applies(self, requirement: Any, extras: Iterable[str]) -> bool:
        if requirement.marker is None:
            return True
        return any(requirement.marker.evaluate({**self._environment, "extra": extra}) for extra in sorted(extras))

    def _wheel(self, requirement: Any, name: str, parent: str) -> LockedWheel:
        if name not in self._wheels:
            raise ModelkilnError(
                f"{requirement.name}{_by(parent)} is not in the lock {self._lock} for {self._target}; "
                "add it to the .in file and compile the lock again."
            )
        locked = self._wheels[name]
        if not parent and not requirement.specifier.contains(locked["version"], prereleases=True):
            raise ModelkilnError(
                f"{requirement} excludes {name} {locked['version']}, which the lock {self._lock} has. "
                "Change the requirement, or compile the lock again."
            )
        if locked["problem"]:
            raise ModelkilnError(
                f"{name} {locked['version']}{_by(parent)} has no wheel for {self._target} in the lock "
                f"{self._lock}. Lock a version that has one, or choose a base image with a newer glibc "
                f"or another Python. pip says: {locked['problem']}"
            )
        if name not in self.found:
            self.found[name] = LockedWheel.from_json(locked)
        return self.found[name]


def _by(parent: str) -> str:
    return f", which {parent} needs," if parent else ""


_EXTRA = re.compile(r"""(\bextra\s*[=!]=\s*["'])([^"']*)(["'])""")


def _canonical(extra: str) -> str:
    # PEP 685.
    return re.sub(r"[-_.]+", "-", extra).lower()
