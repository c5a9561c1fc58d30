"""What an environment is chosen for: a Python, a platform and a C library."""

import platform
import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Iterable, Mapping

from modelkiln.errors import ModelkilnError

__all__ = ["ARCHITECTURES", "Target", "why_not_here"]

# OCI's and Go's names for architectures -> Linux' own, as wheel tags have them. The number is the
# oldest minor of glibc 2 for which manylinux tags exist (PEP 600 and its legacy aliases).
ARCHITECTURES = {"linux/amd64": ("x86_64", 5), "linux/arm64": ("aarch64", 17)}

# PEP 600, "Legacy manylinux tags": minor of glibc 2 -> the older name of the same promise.
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True)
class Target:
    """Where a package runs: `python` ("3.11"), `platform` ("linux/amd64"), `glibc` ("2.36").

    releases: those of `python` that are known to run it ("3.11.2"); `python` itself stands for one that
    is not known, and none at all for the same. Raises ModelkilnError for a platform that is not in
    ARCHITECTURES and for versions of another form. The interpreter is CPython, with the GIL.
    """

    python: str
    platform: str
    glibc: str
    releases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.platform not in ARCHITECTURES:
            raise ModelkilnError(f"platform {self.platform!r} is unknown; choose one of {', '.join(ARCHITECTURES)}.")
        if not isinstance(self.python, str) or not re.fullmatch(r"3\.[0-9]{1,2}", self.python):
            raise ModelkilnError(f'python {self.python!r} is not a release of CPython 3; write "3.11".')
        if not isinstance(self.glibc, str) or not re.fullmatch(r"2\.[0-9]{1,2}", self.glibc):
            raise ModelkilnError(f'glibc {self.glibc!r} is not a release of glibc 2; write "2.36".')
        for release in self.releases:
            if not re.fullmatch(rf"{re.escape(self.python)}(\.[0-9]{{1,2}})?", release):
                raise ModelkilnError(f'{release!r} is not a release of CPython {self.python}; write "{self.python}.2".')

    def __str__(self) -> str:
        return f"{self.platform}, CPython {' and '.join(self.releases) or self.python}, glibc {self.glibc}"

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Target":
        """Read what `to_json` gave, whatever else the object has."""
        return cls(value["python"], value["platform"], value["glibc"], tuple(value.get("releases", ())))

    def to_json(self) -> dict[str, Any]:
        """Return an object with the three, and the releases where there are any."""
        releases = {"releases": list(self.releases)} if self.releases else {}
        return {"python": self.python, "platform": self.platform, "glibc": self.glibc, **releases}

    @property
    def machine(self) -> str:
        """The architecture as Linux names it: "x86_64" or "aarch64"."""
        return ARCHITECTURES[self.platform][0]

    def pip_platforms(self) -> list[str]:
        """The platform tags of wheels that run here, best first, for pip's `--platform`.

        pip takes the option literally, so every older glibc is named too.
        """
        machine, oldest = ARCHITECTURES[self.platform]
        found = []
        for minor in range(int(self.glibc.split(".")[1]), oldest - 1, -1):
            found.append(f"manylinux_2_{minor}_{machine}")
            if minor in _LEGACY:
                found.append(f"{_LEGACY[minor]}_{machine}")
        return [*found, f"linux_{machine}"]

    def wheel_tags(self) -> list[str]:
        """All compatibility tags (PEP 425) of wheels that run here, best first."""
        return list(_wheel_tags(self))

    def marker_environment(self) -> dict[str, str]:
        """The values of environment markers (PEP 508) on this target.

        Where the patch release is not known, or there are several, the full version is the minor
        release alone, see `wheels.markers`.
        """
        full = self.releases[0] if len(self.releases) == 1 else self.python
        return {
            "implementation_name": "cpython",
            "implementation_version": full,
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": full,
            "python_version": self.python,
            "sys_platform": "linux",
        }


def why_not_here(files: Iterable[str]) -> str:
    """Why this machine cannot start a program that has these wheels (file names), or ""; its Python does not count.

    A Mac builds packages for Linux, and a machine of one architecture those for another.
    """
    ending = f"_{platform.machine()}.whl" if sys.platform.startswith("linux") else "-any.whl"
    foreign = next((name for name in files if not name.endswith((ending, "-any.whl"))), None)
    if foreign is None:
        return ""
    here = f"{platform.system()} on {platform.machine()}"
    return f"{foreign} is in it, and this machine is {here}; run its image in a container (modelkiln load)."


@lru_cache(maxsize=64)  # Thousands of tags, and each package of a monorepo asks for the same.
def _wheel_tags(target: Target) -> tuple[str, ...]:
    from packaging import tags

    version = (3, int(target.python.split(".")[1]))
    interpreter = f"cp{version[0]}{version[1]}"
    platforms = target.pip_platforms()
    found = [
        *tags.cpython_tags(version, [interpreter], platforms),
        *tags.compatible_tags(version, interpreter, platforms),
    ]
    return tuple(str(tag) for tag in found)
