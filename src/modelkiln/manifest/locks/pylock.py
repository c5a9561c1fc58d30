"""Locks in the form that tools share (PEP 751, `pylock.toml`), as `pip lock` and `uv export` write them.

packaging reads and checks them. Addresses of files are not followed: each is found by name and hash where the
machine finds all packages.
"""

import re
import sys
from typing import Any, Mapping, Optional, Sequence

from modelkiln.errors import ModelkilnError, reason
from modelkiln.manifest.locks.origin import origin_issue
from modelkiln.wheels.markers import PATCH_NAMES, releases_of

__all__ = ["is_exported_pylock", "is_pylock", "pylock_command", "pylock_lines"]

_HEAD = re.compile(r"^lock-version *=", re.MULTILINE)
_MAKER = re.compile(r"""^created-by *= *["']([\w.-]+)["']""", re.MULTILINE)
# The tools that are known to write such locks, by what they call themselves.
_COMMANDS = {"pip": "pip lock", "uv": "uv export --format pylock.toml", "pdm": "pdm lock", "poetry": "poetry export"}


def is_pylock(text: str) -> bool:
    """Whether a lock states the version of the shared form, which it must."""
    return bool(_HEAD.search(text))


def pylock_command(text: str) -> str:
    """Return the command that writes such a lock, by the tool that the lock names."""
    match = _MAKER.search(text)
    name = match[1] if match else ""
    return _COMMANDS.get(name, name or _COMMANDS["pip"])


def is_exported_pylock(text: str) -> bool:
    """Whether such a lock, as `is_pylock` found it, was exported from a project's own lock."""
    return " export" in pylock_command(text)


def pylock_lines(text: str, where: str, environment: Mapping[str, str]) -> list[str]:
    """Return the packages of a lock that are for a marker environment, as lines of a requirements file.

    With all of its extras and groups. Raises ModelkilnError that lists all that do not come from an index, have no
    hash or are there twice, and for a lock of another version, for other Pythons or environments.
    """
    remedy = f"Write it again with `{pylock_command(text)}`."
    try:
        lock = _load(text)
    except (ValueError, KeyError, TypeError, _pylock().PylockValidationError) as error:
        why = " ".join(reason(error).split())
        raise ModelkilnError(f"{where}: cannot be read as a pylock.toml ({why}). {remedy}") from None
    named = frozenset([*(lock.dependency_groups or ()), *(lock.default_groups or ())])
    target = _Target(environment, {"extras": frozenset(lock.extras or ()), "dependency_groups": named})
    issues = _lock_issues(lock, target)
    packages = [] if issues else [one for one in lock.packages if not _is_own(one) and target.holds(one.marker)]
    issues += [issue for issue in (_issue(one, target) for one in packages) if issue]
    if not issues:
        issues += _twice(packages, target)
    if issues:
        raise ModelkilnError(f"{where}: {' '.join(issues)} {remedy}")
    return [_line(package) for package in packages]


def _pylock() -> Any:
    try:
        from packaging import pylock  # type: ignore[attr-defined,unused-ignore]
    except ImportError:  # Older than 26, as next to Pants 2.17; pip brings one along.
        from pip._vendor.packaging import pylock  # type: ignore[no-redef]
    return pylock


def _load(text: str) -> Any:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    content = tomllib.loads(text)
    if str(content["lock-version"]) != "1.0":
        raise ValueError(f"lock-version {content['lock-version']!r}, where 1.0 is known")
    return _pylock().Pylock.from_dict(content)


class _Target:
    """What markers and requirements on Python are evaluated for; of an unknown patch release, for any."""

    def __init__(self, environment: Mapping[str, str], named: Mapping[str, frozenset[str]]) -> None:
        self.python = environment["python_full_version"]
        self._environment, self._named = environment, named
        self._releases = sorted(releases_of(environment))

    def holds(self, marker: Any) -> bool:
        """Whether a marker holds, or is none."""
        if marker is None:
            return True
        releases = self._releases if any(name in str(marker) for name in PATCH_NAMES) else self._releases[:1]
        return any(marker.evaluate(self._values(full), context="lock_file") for full in releases)

    def serves(self, requires_python: Any) -> bool:
        """Whether a requirement on Python is met, or is none."""
        return requires_python is None or any(requires_python.contains(full) for full in self._releases)

    def _values(self, full: str) -> dict[str, Any]:
        return {**self._environment, **self._named, **{name: full for name in PATCH_NAMES}}


def _lock_issues(lock: Any, target: _Target) -> list[str]:
    """Say why a lock as a whole does not serve a target."""
    if not target.serves(lock.requires_python):
        return [f"is locked for Python {lock.requires_python}, which {target.python} is not."]
    if lock.environments is not None and not any(map(target.holds, lock.environments)):
        listed = ", ".join(str(marker) for marker in lock.environments)
        return [f"is locked for other environments than this one of Python {target.python}: {listed}."]
    return []


def _is_own(package: Any) -> bool:
    """Whether it is a project of this repository, such as the one that was locked. What is imported of it is its code,
    and an import that nobody has is refused."""
    folder = package.directory
    return folder is not None and (bool(folder.editable) or folder.path.rstrip("/") in (".", ""))


def _issue(package: Any, target: _Target) -> str:
    kind, place = _place(package)
    if kind:
        return origin_issue(package.name, kind, place)
    if package.version is None:
        return f"{package.name} has no version."
    if not target.serves(package.requires_python):
        return (
            f"{package.name} {package.version} is for Python {package.requires_python}, which {target.python} is not."
        )
    return "" if _hashes(package) else f"{package.name} {package.version} has no sha256 of any file."


def _place(package: Any) -> tuple[str, str]:
    """The kind of place that a package comes from and the place, where that is not an index."""
    if package.vcs is not None:
        return package.vcs.type, package.vcs.url or package.vcs.path
    if package.directory is not None:
        return "a folder", package.directory.path
    if package.archive is not None:
        return "an archive", package.archive.url or package.archive.path
    return "", ""


def _twice(packages: Sequence[Any], target: _Target) -> list[str]:
    first: dict[str, Any] = {}
    issues = []
    for package in packages:
        known = first.setdefault(package.name, package)
        if known is not package:
            issues.append(
                f"{package.name} is in it twice for Python {target.python}, {known.version} and {package.version}: of "
                "extras and groups that exclude each other a lock can have one."
            )
    return issues


def _line(package: Any) -> str:
    return f"{package.name}=={package.version}" + "".join(f" --hash=sha256:{value}" for value in _hashes(package))


def _hashes(package: Any) -> list[str]:
    files = [*(package.wheels or ()), *([package.sdist] if package.sdist else [])]
    found: list[Optional[str]] = [file.hashes.get("sha256") for file in files]
    return sorted({value.lower() for value in found if value})
