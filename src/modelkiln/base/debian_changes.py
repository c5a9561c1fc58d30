"""What a new lock of Debian packages changes, in words for people, and which fixes a lock lacks."""

from typing import Any, Mapping, Optional

__all__ = ["describe_changes"]


def describe_changes(old: Optional[Mapping[str, Any]], new: Mapping[str, Any], fixes: Mapping[str, str]) -> list[str]:
    """Return a line for each package that `new` has in another version than `old`, and for each fix that it lacks,
    with the remedy.

    old: the lock that was there, or None. fixes: versions of the security suite by name, of packages that the lock
    which was there (without one, the new one) has in an older version.
    """
    before = {one["name"]: one for one in old["packages"]} if old else {}
    after = {one["name"]: one for one in new["packages"]}
    lines = []
    for name in sorted({*before, *after}) if old else ():
        if before.get(name) != after.get(name):
            have, want = (side[name]["version"] if name in side else "none" for side in (before, after))
            change = f"{have} -> {want}" if have != want else f"{have}, another file"
            more = " (security fix)" if name in fixes and _has(after, name, fixes[name]) else ""
            lines.append(f"{name} {change}{more}")
    left = {name: version for name, version in fixes.items() if name in after and not _has(after, name, version)}
    lines += [f"{name} {after[name]['version']}: a security fix in {version}" for name, version in sorted(left.items())]
    return lines + ([f"`security=True` takes fixes from {new['suite']}-security"] if left else [])


def _has(packages: Mapping[str, Any], name: str, version: str) -> bool:
    from debian.debian_support import Version

    return name in packages and Version(packages[name]["version"]) >= Version(version)
