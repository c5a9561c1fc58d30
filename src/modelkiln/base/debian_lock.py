"""The lock of a base made from Debian packages: names, versions and hashes, and no address.

A lock is a JSON object: {"schema": 1, "suite": "bookworm", "architecture": "amd64", "packages":
[{"name", "version", "architecture", "filename", "size" (bytes), "sha256" (hex)}, ...]}, sorted by
name. A package's file name is relative to a mirror, as in the suite's package index.
"""

import json
import re
from typing import Any, Mapping, Optional, Sequence

from modelkiln.archives.tar import check_path
from modelkiln.document import parse_object
from modelkiln.errors import ModelkilnError

__all__ = [
    "check_listed",
    "check_lock",
    "check_packages",
    "format_lock",
    "glibc_of",
    "has_python",
    "load_lock",
    "lock_name",
    "parse_package_list",
    "python_of",
    "python_release_of",
]

SCHEMA = 1
_LOCK_KEYS = {"schema", "suite", "architecture", "packages"}
_REMEDY = "Lock the base again with pants lock."
# Debian Policy, 5.6.7 (names) and 5.6.12 (versions).
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_VERSION = re.compile(r"(?:[0-9]+:)?([0-9][A-Za-z0-9.+~-]*)")
_WORD = re.compile(r"[a-z0-9][a-z0-9-]*")
_HEX = re.compile(r"[0-9a-f]{64}")
_PACKAGE_FIELDS = {
    "name": lambda value: isinstance(value, str) and _NAME.fullmatch(value),
    "version": lambda value: isinstance(value, str) and _VERSION.fullmatch(value),
    "architecture": lambda value: isinstance(value, str) and _WORD.fullmatch(value),
    "filename": lambda value: isinstance(value, str) and value.endswith(".deb"),
    "size": lambda value: isinstance(value, int) and not isinstance(value, bool) and value > 0,
    "sha256": lambda value: isinstance(value, str) and _HEX.fullmatch(value),
}


def load_lock(text: str, where: str) -> dict[str, Any]:
    """Return the lock in `text`; raises ModelkilnError that names `where` and the bad value."""
    try:
        value = parse_object(text)
    except ValueError as error:
        raise ModelkilnError(f"{where}: is not a lock of a base ({error}). {_REMEDY}") from None
    return check_lock(value, where)


def parse_package_list(text: str, where: str) -> tuple[list[str], list[str]]:
    """Read a package list: one name a line, `-name` for one to leave out, `#` for comments.

    Returns the names to install and the names to leave out although something depends on them.
    """
    names, left_out = [], []
    for number, line in enumerate(text.splitlines(), 1):
        word = line.partition("#")[0].strip()
        if not word:
            continue
        target, name = (left_out, word[1:]) if word.startswith("-") else (names, word)
        if not name or not all(char.isalnum() or char in "+.-" for char in name):
            raise ModelkilnError(
                f"{where}:{number}: {word!r} is not the name of a Debian package. Write one name "
                "a line, with - before one to leave out."
            )
        target.append(name)
    if not names:
        raise ModelkilnError(f"{where}: names no packages. Write one name a line.")
    return names, left_out


def check_listed(
    lock: Mapping[str, Any], names: Sequence[str], left_out: Sequence[str], suite: str, where: str, remedy: str
) -> None:
    """Refuse a lock that was made from another list than its target has now.

    names, left_out: of the list. A cheap check, as that of a Python lock: what the list names must be in the
    lock, what it leaves out must not, and the suite is the same.
    """
    locked = {package["name"] for package in lock["packages"]}
    issues = [f"{name} is not in it" for name in sorted(set(names) - locked)]
    issues += [f"it has {name}, which the list leaves out" for name in sorted(set(left_out) & locked)]
    issues += [f"it is of {lock['suite']}, and the target says {suite}"] if lock["suite"] != suite else []
    if issues:
        more = f" and {len(issues) - 5} more" if len(issues) > 5 else ""
        raise ModelkilnError(f"{where} is stale: {', '.join(issues[:5])}{more}. {remedy}")


def lock_name(name: str, architectures: Sequence[str], architecture: str) -> str:
    """Return the file of the lock for `architecture`, of a base whose field `lock` is `name`.

    The first of `architectures` has that file itself, another one a file next to it:
    "python311.arm64.lock.json" next to "python311.lock.json".
    """
    if architecture == architectures[0]:
        return name
    stem, ending = (name[: -len(".lock.json")], ".lock.json") if name.endswith(".lock.json") else (name[:-5], ".json")
    return f"{stem}.{architecture}{ending}"


def format_lock(lock: Mapping[str, Any]) -> str:
    """Return the text of a lock file: one line for each field, so that a review shows changes."""
    return json.dumps(lock, indent=2, sort_keys=True) + "\n"


def check_lock(value: Any, where: str) -> dict[str, Any]:
    """Return `value` when it is a well-formed lock, else raise ModelkilnError."""
    if not isinstance(value, dict) or set(value) != _LOCK_KEYS:
        raise ModelkilnError(f"{where}: not an object with exactly {sorted(_LOCK_KEYS)}. {_REMEDY}")
    if value["schema"] != SCHEMA:
        raise ModelkilnError(f"{where}: schema {value['schema']!r}, want {SCHEMA}. {_REMEDY}")
    for key in ("suite", "architecture"):
        if not isinstance(value[key], str) or not _WORD.fullmatch(value[key]):
            raise ModelkilnError(f"{where}: {key} {value[key]!r} is not a name. {_REMEDY}")
    packages = check_packages(value["packages"], where)
    for package in packages:
        if package["architecture"] not in ("all", value["architecture"]):
            raise ModelkilnError(
                f"{where}: package {package['name']} is for {package['architecture']!r}, the lock "
                f"for {value['architecture']!r}. {_REMEDY}"
            )
    return value


def check_packages(value: Any, where: str) -> list[dict[str, Any]]:
    """Return `value` when it is a sorted list of locked packages, else raise ModelkilnError."""
    if not isinstance(value, list) or not value:
        raise ModelkilnError(f'{where}: "packages" is not a list with packages. {_REMEDY}')
    for package in value:
        _check_package(package, where)
    names = [package["name"] for package in value]
    if names != sorted(set(names)):
        raise ModelkilnError(f"{where}: packages are not sorted by name, or one is named twice. {_REMEDY}")
    return value


def _check_package(package: Any, where: str) -> None:
    if not isinstance(package, dict) or set(package) != set(_PACKAGE_FIELDS):
        raise ModelkilnError(
            f"{where}: package {package!r} needs exactly the fields {sorted(_PACKAGE_FIELDS)}. {_REMEDY}"
        )
    for key, holds in _PACKAGE_FIELDS.items():
        if not holds(package[key]):
            raise ModelkilnError(f"{where}: package {package['name']!r}: bad {key} {package[key]!r}. {_REMEDY}")
    check_path(package["filename"], f"{where}: package {package['name']}")


def glibc_of(lock: Mapping[str, Any]) -> str:
    """Return the glibc release that the base has ("2.36"): it decides which wheels run there."""
    version = _version_of(lock, "libc6")
    found = version and re.match(r"[0-9]+\.[0-9]+", version)
    if not found:
        raise ModelkilnError(f"The base's lock has no libc6 package, but {_names(lock)}. {_REMEDY}")
    return found.group()


def _pythons(lock: Mapping[str, Any]) -> list[str]:
    found = [re.fullmatch(r"python(3\.[0-9]+)-minimal", one["name"]) for one in lock["packages"]]
    return [match.group(1) for match in found if match]


def has_python(lock: Mapping[str, Any]) -> bool:
    """Whether the base has a Python of Debian."""
    return bool(_pythons(lock))


def python_of(lock: Mapping[str, Any]) -> str:
    """Return the Python release that the base has ("3.11")."""
    releases = _pythons(lock)
    if len(releases) != 1:
        raise ModelkilnError(
            f"A base has exactly one python3.N-minimal package; this one has {releases} among "
            f"{_names(lock)}. Fix its package list and lock it again with pants lock."
        )
    return releases[0]


def python_release_of(lock: Mapping[str, Any]) -> str:
    """Return the full Python release that the base has ("3.11.2"), or "" for a package that names none."""
    version = _version_of(lock, f"python{python_of(lock)}-minimal")
    found = re.match(r"3\.[0-9]+\.[0-9]+(?![0-9]|~)", version or "")
    return found.group() if found else ""


def _version_of(lock: Mapping[str, Any], name: str) -> Optional[str]:
    """The upstream part (without epoch) and revision of a locked package's version."""
    for package in lock["packages"]:
        if package["name"] == name:
            return package["version"].partition(":")[2] or package["version"]
    return None


def _names(lock: Mapping[str, Any]) -> str:
    names: Sequence[str] = [package["name"] for package in lock["packages"]]
    return ", ".join(names)
