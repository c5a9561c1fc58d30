"""The locks that uv writes (`uv.lock`), and Pants where uv is its resolver: TOML with a table a package.

uv promises no form of them beyond `version`; what is read here are the names, versions and hashes of version 1.
"""

import sys
from typing import Any, Iterator, Mapping

from modelkiln.errors import ModelkilnError, reason

__all__ = ["is_uv_lock", "uv_lines"]

_VERSION = 1
# Sources of the project itself, which is locked together with what it requires.
_OWN = ("editable", "virtual")


def is_uv_lock(text: str) -> bool:
    """Whether a lock has tables of packages, as a requirements file cannot."""
    return "[[package]]" in text.splitlines()


def uv_lines(text: str, where: str) -> list[str]:
    """Return the packages of a lock as lines of a requirements file, pinned for where uv resolved them.

    One that is of no index has a line that pins nothing, so that it is reported with all others.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        lock = tomllib.loads(text)
        if lock["version"] != _VERSION:
            raise ValueError(f"version {lock['version']}, where {_VERSION} is known")
        return [_line(one) for one in lock["package"] if not any(kind in one["source"] for kind in _OWN)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelkilnError(
            f"{where}: looks like a lock of uv and cannot be read as one ({reason(error)}). Lock again, or export it "
            "with uv export --format requirements-txt, which compiles to what pip-compile --generate-hashes does."
        ) from None


def _line(package: Mapping[str, Any]) -> str:
    name, source = package["name"], package["source"]
    if "registry" not in source:
        ((kind, place),) = source.items()
        return f"{name} @ {kind}+{place}"
    hashes = "".join(f" --hash={value}" for value in _hashes(package))
    markers = package.get("resolution-markers", [])
    marker = " ; " + " or ".join(f"({one})" for one in markers) if markers else ""
    return f"{name}=={package['version']}{marker}{hashes}"


def _hashes(package: Mapping[str, Any]) -> Iterator[str]:
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    return (file["hash"] for file in files if "hash" in file)
