"""The environment of a lock: which wheels serve a target, and which of them a package needs."""

import json
import re
import tempfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Iterable, Mapping, Optional, Sequence
from urllib.parse import unquote, urlsplit

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.lock import Pin, read_lock
from modelkiln.manifest.pip import index_lines, run_pip, target_options
from modelkiln.manifest.sdists import find_sdists
from modelkiln.store.memo import Memo
from modelkiln.store.store import Store
from modelkiln.wheels.platforms import Target

__all__ = ["LockedWheel", "closure", "resolve_lock", "with_built"]

# Where the store keeps what indexes answered.
_CHOICES = "choices"
_PROGRAM = Path(__file__).with_name("programs") / "choose_wheels.py"


@dataclass(frozen=True)
class LockedWheel:
    """One wheel of an environment; sha256 is hex, the name is canonical (PEP 503).

    requires: what the wheel's metadata asks for, as PEP 508 strings. is_sdist: there is no wheel
    yet, file name and hash are those of the sdist that it is to be built from. build: of a wheel
    that was built from one, how (see `builds.wheel.build_wheel`).
    """

    name: str
    version: str
    filename: str
    sha256: str
    requires: tuple[str, ...] = field(default=(), compare=False)
    is_sdist: bool = False
    build: Optional[Mapping[str, Any]] = field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        """The wheel as packages' records and recipes hold it."""
        return {
            "name": self.name,
            "version": self.version,
            "filename": self.filename,
            "sha256": self.sha256,
            **({"build": self.build} if self.build else {}),
        }


def resolve_lock(lock_text: str, target: Target, store: Store, where: str = "lock") -> dict[str, Any]:
    """Choose one wheel for each pin of a lock that applies on `target`; nothing is installed.

    Returns {"lock": `where`, "python", "platform", "glibc", "wheels": [{"name", "version",
    "filename", "sha256", "requires", "problem"}]}, sorted by name. A pin without a wheel for the
    target gets its sdist, with "is_sdist", whose requirements only its build tells; one without
    either a "problem", which fails only packages that need it, in `closure`. Raises ModelkilnError for a lock
    that pins too little and for an index that cannot be reached.

    What an index answered for a pin is kept in the store: a wheel's name, hash and requirements
    never change, and only new pins ask the network again.
    """
    pins = read_lock(lock_text, where, target.marker_environment())
    known = {pin.name: _recall(pin, target, store) for pin in pins}
    unknown = [pin for pin in pins if known[pin.name] is None]
    with tempfile.TemporaryDirectory(prefix="modelkiln-resolve-") as folder:
        wheels, problems = _choose(unknown, target, store, Path(folder))
    sdists, missing = find_sdists([pin for pin in unknown if pin.name in problems], store)
    for pin in unknown:
        chosen = known[pin.name] = _chosen(pin, wheels, sdists, where)
        if chosen is None:
            # An index may get a wheel that it lacks today, so that this is not remembered.
            problem = f"{problems[pin.name]} Nor is there an sdist to build one from: {missing[pin.name]}"
            known[pin.name] = {**_nothing(pin), "problem": problem}
        else:
            Memo(store, _CHOICES).remember(_question(pin, target), chosen)
    found = [known[pin.name] for pin in pins]
    return {
        "lock": where,
        "python": target.python,
        "platform": target.platform,
        "glibc": target.glibc,
        "wheels": found,
    }


def _question(pin: Pin, target: Target) -> dict[str, Any]:
    return {
        "format": 1,
        "pin": [pin.name, pin.version, *pin.hashes],
        "target": [target.python, target.platform, target.glibc],
    }


def _recall(pin: Pin, target: Target, store: Store) -> Optional[dict[str, Any]]:
    wheel = Memo(store, _CHOICES).recall(_question(pin, target))
    return wheel if wheel is not None and wheel.get("sha256") in pin.hashes else None


def _choose(pins: Sequence[Pin], target: Target, store: Store, folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """pip's report by name, and problems by name.

    pip stops at the first pin that it cannot serve and names it; the others are tried again
    without it. Where pip names none, halves are tried.
    """
    if not pins:
        return {}, {}
    arguments = ["install", "--dry-run", "--no-deps", "--require-hashes", "--target=target"]
    arguments += target_options(target.python, target.pip_platforms())
    arguments += ["--report=report.json", "--requirement=lock.txt"]
    (folder / "lock.txt").write_text(index_lines(store) + "".join(pin.line() for pin in pins))
    result = run_pip(arguments, store, folder, program=[str(_PROGRAM)])
    if result.code == 0:
        return _by_name(json.loads((folder / "report.json").read_text("utf-8"))), {}
    failed = [pin for pin in pins if _names(result.messages, pin)] or (list(pins) if len(pins) == 1 else [])
    middle = len(pins) // 2
    parts = [[pin for pin in pins if pin not in failed]] if failed else [pins[:middle], pins[middle:]]
    wheels, problems = {}, {pin.name: result.errors for pin in failed}
    for part in parts:
        more, worse = _choose(part, target, store, folder)
        wheels.update(more)
        problems.update(worse)
    return wheels, problems


def _names(messages: str, pin: Pin) -> bool:
    text = re.escape(f"{pin.name}=={pin.version}")
    return bool(
        re.search(rf"No matching distribution found for {text}(?![\w.+-])", messages)
        or re.search(rf"^\s+{text} from ", messages, re.MULTILINE)  # A list of wrong hashes.
    )


def _by_name(report: Mapping[str, Any]) -> dict[str, Any]:
    from packaging.utils import canonicalize_name

    # The format: pip's documentation, "Installation Report", version 1.
    return {canonicalize_name(item["metadata"]["name"]): item for item in report["install"]}


def _nothing(pin: Pin) -> dict[str, Any]:
    return {"name": pin.name, "version": pin.version, "filename": "", "sha256": "", "requires": []}


def _chosen(pin: Pin, wheels: Mapping[str, Any], sdists: Mapping[str, Any], where: str) -> Optional[dict[str, Any]]:
    """A pin's wheel, else its sdist, else None."""
    if pin.name in sdists:
        return {**_nothing(pin), **sdists[pin.name], "problem": None, "is_sdist": True}
    if pin.name not in wheels:
        return None
    item = wheels[pin.name]
    sha256 = item["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
    if sha256 not in pin.hashes:
        raise ModelkilnError(f"{where}: pip chose a file for {pin} with sha256 {sha256}, which the lock lacks.")
    filename = unquote(urlsplit(item["download_info"]["url"]).path).rsplit("/", 1)[-1]
    requires = sorted(item["metadata"].get("requires_dist") or [])
    return {**_nothing(pin), "filename": filename, "sha256": sha256, "requires": requires, "problem": None}


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
    target = Target(resolved["python"], resolved["platform"], resolved["glibc"])
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
        wheel = LockedWheel(
            name,
            locked["version"],
            locked["filename"],
            locked["sha256"],
            tuple(locked["requires"]),
            is_sdist=locked.get("is_sdist", False),
            build=locked.get("build"),
        )
        return self.found.setdefault(name, wheel)


def _by(parent: str) -> str:
    return f", which {parent} needs," if parent else ""


_EXTRA = re.compile(r"""(\bextra\s*[=!]=\s*["'])([^"']*)(["'])""")


def _canonical(extra: str) -> str:
    # PEP 685.
    return re.sub(r"[-_.]+", "-", extra).lower()
