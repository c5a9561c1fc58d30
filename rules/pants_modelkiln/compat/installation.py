"""Where Modelkiln lies: backend and engine at one place each, so that they are of one release."""

from __future__ import annotations

import os
import sys
from typing import Iterable, Optional

__all__ = ["DoubleInstallation", "check_installation", "double_of"]

_PACKAGES = ("pants_modelkiln", "modelkiln")


class DoubleInstallation(Exception):
    """Modelkiln is found at two places, of which Python would take the first, or a part of each."""


def double_of(path: Iterable[str]) -> Optional[str]:
    """Say of which package Python finds two along a search path, and what to do; None where there is no such."""
    folders = [folder for folder in path if folder]
    for name in _PACKAGES:
        places = [os.path.join(folder, name) for folder in folders]
        places = [place for place in places if os.path.isfile(os.path.join(place, "__init__.py"))]
        found = {os.path.realpath(place): place for place in reversed(places)}
        if len(found) > 1:
            first, second, *_ = reversed(list(found.values()))
            return (
                f"Modelkiln is installed twice: {first} and {second}. Take it out of [GLOBAL].plugins or out of "
                "[GLOBAL].pythonpath in pants.toml, and end Pants' daemon, which keeps what it has imported."
            )
    return None


def check_installation() -> None:
    """Refuse to run beside another installation of the backend, which may be of another release."""
    problem = double_of(sys.path)
    if problem:
        raise DoubleInstallation(problem)
