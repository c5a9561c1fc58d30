"""What a resolve asks for: requirements files (`.in`) that locks are compiled from."""

import posixpath
import re
from typing import Any, Iterable, Mapping, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.lock import logical_lines
from modelkiln.wheels.markers import holding_releases, releases_of

__all__ = ["check_fresh", "check_requirements", "included_files"]

_INCLUDE = re.compile(r"(?:-r|-c|--requirement|--constraint)(?:\s+|=|(?<=-[rc]))(.+)")
_EDITABLE = re.compile(r"(-e|--editable)(\s|=|$)")
# Archives and folders, and everything with a scheme (PEP 508's `name @ url` too).
_ELSEWHERE = re.compile(r"://|@|^\.{0,2}/|^file:|\.(whl|zip|tar\.gz|tar\.bz2)$")


def included_files(text: str, path: str) -> list[str]:
    """Return the files that `-r` and `-c` lines of the requirements file at `path` name.

    Paths are relative to the same folder as `path`. Raises ModelkilnError for a URL.
    """
    found = []
    for line in logical_lines(text):
        match = _INCLUDE.fullmatch(line)
        if match and "://" in match[1]:
            raise ModelkilnError(f"{path}: {line!r} includes a URL. Put that file into the repository.")
        if match:
            found.append(posixpath.normpath(posixpath.join(posixpath.dirname(path), match[1].strip())))
    return found


def check_requirements(text: str, path: str) -> None:
    """Refuse what no lock can pin by version and hash: editable, local and remote source trees."""
    for line in logical_lines(text):
        if _EDITABLE.match(line):
            raise ModelkilnError(
                f"{path}: {line!r} is editable, so it has no hash. Name a released version; code of this repository "
                "is found by its imports and needs no requirement."
            )
        requirement = re.split(r";|\s--", line)[0].strip()
        if not line.startswith("-") and _ELSEWHERE.search(requirement):
            raise ModelkilnError(
                f"{path}: {line!r} is a file, a folder or a URL. Name a released version, and the index that has "
                "it in [modelkiln.resolve_indexes]."
            )


def check_fresh(
    resolved: Mapping[str, Any], requirements: Iterable[str], environment: Mapping[str, str], remedy: str
) -> None:
    """Refuse a lock that was compiled from other requirements than its resolve has now.

    resolved: as `resolve_lock` returns it. requirements: all of the resolve, PEP 508. remedy: the
    command that locks it. A cheap check: each must be in the lock, in a version that it allows. What is a project of
    the repository itself, as members of a workspace are, is in no lock.
    """
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    versions = {wheel["name"]: wheel["version"] for wheel in resolved["wheels"]}
    own = resolved.get("own", ())
    issues = []
    for text in sorted(set(requirements)):
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # Pants has read it; markers of newer releases of packaging are left to pip.
        if canonicalize_name(requirement.name) in own:
            continue
        needed = holding_releases(requirement.marker, environment)
        if not needed:
            continue
        version = versions.get(canonicalize_name(requirement.name))
        if version is None and needed != releases_of(environment):
            continue  # The release that it was compiled for did not need it; `closure` looks closer.
        if version is None:
            issues.append(f"{requirement.name} is not in it")
        elif requirement.specifier and not requirement.specifier.contains(version, prereleases=True):
            issues.append(f"{text} is wanted, and it has {version}")
    if issues:
        raise ModelkilnError(f"the lock {resolved['lock']} is stale: {_few(issues)}. Lock it again: {remedy}.")


def _few(issues: Sequence[str]) -> str:
    return ", ".join(issues[:5]) + (f" and {len(issues) - 5} more" if len(issues) > 5 else "")
