"""Locks of Python environments, as text: which versions and files are pinned.

Read are requirements files with hashes, as pip-tools and `uv export` write them (pip's user guide,
"Requirements File Format" and "Secure installs"), and the locks of Pex and uv, which Pants writes.
"""

import re
from dataclasses import dataclass
from typing import Any, Mapping, Optional, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.locks.pex import is_pex_lock, pex_lines
from modelkiln.manifest.locks.uv import is_uv_lock, uv_lines
from modelkiln.wheels.markers import holds

__all__ = ["Pin", "lock_lines", "logical_lines", "read_lock"]

# Options of a lock that do not change what is pinned.
_HARMLESS = ("--require-hashes", "--only-binary", "--prefer-binary")


@dataclass(frozen=True)
class Pin:
    """One pinned package: canonical name, version, and the sha256 (hex) of files that may serve."""

    name: str
    version: str
    hashes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def line(self) -> str:
        """The pin as a line of a requirements file."""
        hashes = "".join(f" --hash=sha256:{value}" for value in self.hashes)
        return f"{self.name}=={self.version}{hashes}\n"


def read_lock(text: str, where: str, environment: Mapping[str, str]) -> list[Pin]:
    """Return the pins of a lock that apply in a marker environment, sorted by name.

    Where its patch release is not known, those that apply to any.

    Raises ModelkilnError that lists all lines that pin no version or no file, or that name where
    to fetch from.
    """
    found, issues = [], []
    for line in lock_lines(text, where, environment):
        try:
            pin = _pin(line, environment)
        except ValueError as error:
            issues.append(str(error))
        else:
            found.extend([pin] if pin else [])
    issues += _twice(found, environment)
    if issues:
        raise ModelkilnError(
            f"{where}: " + " ".join(issues) + " Compile the lock again with hashes "
            "(pip-compile --generate-hashes --no-emit-index-url --no-emit-find-links)."
        )
    return sorted(set(found), key=lambda pin: pin.name)


def lock_lines(text: str, where: str, environment: Mapping[str, str]) -> list[str]:
    """Return the lines of a requirements file, or those that would pin what another lock does in an environment.

    Raises ModelkilnError for another lock that cannot be read, or that holds what no index has.
    """
    if is_uv_lock(text):
        return uv_lines(text, where, environment)
    if is_pex_lock(text):
        return pex_lines(text, where)
    return logical_lines(text)


def logical_lines(text: str) -> list[str]:
    """Return the lines of a requirements file, continued lines joined, without comments."""
    joined = re.sub(r"\\\r?\n", " ", text)
    # pip: a comment starts at the line's start or after white space.
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


def _pin(line: str, environment: Mapping[str, str]) -> Optional[Pin]:
    if line.startswith("-"):
        if line.startswith(_HARMLESS):
            return None
        raise ValueError(f"{line.split('=')[0].split()[0]!r} does not belong in a lock.")
    requirement, *options = re.split(r"\s+--", line)
    hashes = [option[len("hash=sha256:") :].strip() for option in options if option.startswith("hash=sha256:")]
    parsed = _requirement(requirement.strip())
    if not holds(parsed.marker, environment):
        return None
    specifiers = list(parsed.specifier)
    if parsed.url or len(specifiers) != 1 or specifiers[0].operator != "==" or "*" in specifiers[0].version:
        raise ValueError(f"{requirement.strip()!r} is not pinned to one version with '=='.")
    if not hashes or any(not re.fullmatch("[0-9a-f]{64}", value) for value in hashes):
        raise ValueError(f"{requirement.strip()!r} has no good --hash=sha256:....")
    from packaging.utils import canonicalize_name

    return Pin(canonicalize_name(parsed.name), specifiers[0].version, tuple(sorted(set(hashes))))


def _requirement(text: str) -> Any:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(text)
    except InvalidRequirement:
        raise ValueError(f"{text!r} is not a requirement of the form name==version.") from None


def _twice(pins: Sequence[Pin], environment: Mapping[str, str]) -> list[str]:
    first: dict[str, Pin] = {}
    issues = []
    full = environment["python_full_version"]
    unknown = f" for Python {full}, and which patch release of it runs is not known" if full.count(".") < 2 else ""
    for pin in pins:
        known = first.setdefault(pin.name, pin)
        if known != pin:
            issues.append(f"{pin.name} is pinned twice, {known.version} and {pin.version}{unknown}.")
    return issues
