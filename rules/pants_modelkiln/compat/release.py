"""The releases of Pants that this backend runs on."""

from __future__ import annotations

import logging
import sys
import sysconfig
from typing import Optional

from pants.version import VERSION

__all__ = ["check_release"]

# As (major, minor). Between the two, rules were called in a way that neither is.
_OLD, _NEW, _NEWEST = (2, 17), (2, 31), (2, 33)
_RELEASES = "2.17, 2.31, 2.32 and 2.33"
# CPython on which this release of the backend was tried, as (major, minor).
_FIRST_PYTHON, _LAST_PYTHON = (3, 9), (3, 14)

_logger = logging.getLogger(__name__)


class UnsupportedPants(Exception):
    """A Pants that the backend does not run on."""


def problem_of(version: str) -> Optional[str]:
    """Why the backend cannot run on a Pants, in a sentence; None where it can."""
    release = _release(version)
    if release == _OLD or release >= _NEW:
        return None
    word = "too old for it" if release < _OLD else "of a time when rules were written in neither way"
    return (
        f"Modelkiln runs on Pants {_RELEASES}; this is {version}, {word}. Set `pants_version` in [GLOBAL] of "
        "pants.toml to one of these."
    )


def doubt_of(version: str, python: tuple[int, ...], free_threaded: bool = False) -> Optional[str]:
    """What was not tried of a Pants and its CPython, in a sentence; None where all was."""
    if _release(version) > _NEWEST:
        return (
            f"Modelkiln was tried on Pants {_RELEASES}, and this is {version}: what fails here may be its fault. "
            "Look for a newer Modelkiln."
        )
    if not _FIRST_PYTHON <= tuple(python[:2]) <= _LAST_PYTHON:
        return (
            f"Modelkiln was tried on CPython 3.9 to 3.14, and this Pants runs on {python[0]}.{python[1]}: what fails "
            "here may be its fault. Look for a newer Modelkiln."
        )
    if free_threaded:
        return (
            "Modelkiln was tried on CPython with its global lock, and this Pants runs on a free-threaded one: what "
            "fails here may be its fault. Use a release of Pants with the usual CPython."
        )
    return None


def _release(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def check_release() -> None:
    """Refuse a Pants that the backend does not run on, and warn of one that nobody tried."""
    free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    problem, doubt = problem_of(VERSION), doubt_of(VERSION, sys.version_info, free_threaded)
    if problem:
        raise UnsupportedPants(problem)
    if doubt:
        _logger.warning(doubt)
