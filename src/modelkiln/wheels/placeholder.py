"""Wheels that only hold a name in an index.

NVIDIA's packages for CUDA 13 have each a version 0.0.0a0 with the summary "Zero version placeholder for
NAME" and an empty `__init__.py`. It fits every platform, so that pip takes it in silence where no
release fits.
"""

from typing import Optional

__all__ = ["is_zero", "says_placeholder"]


def is_zero(version: str) -> bool:
    """Whether a version's release is nothing but zeros (0.0.0a0), as that of every placeholder."""
    from packaging.version import InvalidVersion, Version

    try:
        return not any(Version(version).release)
    except InvalidVersion:
        return False


def says_placeholder(version: str, summary: Optional[str]) -> bool:
    """Whether the metadata of a wheel say that it is one. summary: core metadata's `Summary`."""
    return is_zero(version) and "placeholder" in (summary or "").lower()
