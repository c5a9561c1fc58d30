"""Environment markers (PEP 508), where the patch release of the Python that runs may not be known.

An environment whose `python_full_version` is a minor release alone ("3.11") stands for all of its
patch releases.
"""

from functools import lru_cache
from typing import Any, Mapping

__all__ = ["PATCHES", "PATCH_NAMES", "holding_releases", "holds", "releases_of"]

# No CPython has had more than 26 patch releases of one minor.
PATCHES = 64

# The names of markers that depend on the patch release.
PATCH_NAMES = ("python_full_version", "implementation_version")


def releases_of(environment: Mapping[str, str]) -> frozenset[str]:
    """The full releases ("3.11.2") that an environment stands for."""
    full = environment["python_full_version"]
    if full.count(".") > 1:
        return frozenset([full])
    return _patches(full)


def holding_releases(marker: Any, environment: Mapping[str, str], extra: str = "") -> frozenset[str]:
    """Those of an environment's releases for which a marker holds; None, which is no marker, always does."""
    every = releases_of(environment)
    if marker is None:
        return every
    values = {**environment, "extra": extra}
    if not any(name in str(marker) for name in PATCH_NAMES):
        return every if marker.evaluate(values) else frozenset()
    return frozenset(full for full in every if marker.evaluate({**values, **{name: full for name in PATCH_NAMES}}))


def holds(marker: Any, environment: Mapping[str, str]) -> bool:
    """Whether a marker holds for one of an environment's releases at least."""
    return bool(holding_releases(marker, environment))


@lru_cache(maxsize=16)
def _patches(minor: str) -> frozenset[str]:
    return frozenset(f"{minor}.{patch}" for patch in range(PATCHES))
