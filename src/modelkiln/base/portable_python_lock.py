"""The lock of a portable CPython: the files from which a PEX becomes one program with its interpreter.

Paths are those of a mirror that `science download` makes (science.scie.app, "science download"),
and below a project's name also those of its releases on GitHub: one lock serves both.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from modelkiln.archives.tar import check_path
from modelkiln.canonical import canonical_json
from modelkiln.digest import check_digest, sha256_bytes
from modelkiln.document import SIZE, TEXT, Shape, mismatch, parse_object
from modelkiln.errors import ModelkilnError, reason
from modelkiln.pinned_file import PinnedFile

__all__ = [
    "FLAVOR",
    "MACHINES",
    "InterpreterLock",
    "check_release",
    "load_interpreter_lock",
    "python_path",
    "scie_jump_path",
    "science_path",
]

SCHEMA = 1
_SHAPE: Shape = {"python!": TEXT, "release!": TEXT, "files!": [{"path!": TEXT, "sha256!": TEXT, "size!": SIZE}]}
# What is embedded: without debug symbols, headers and tests, less than half the bytes of the others
# (python-build-standalone, "Distribution Archives").
FLAVOR = "install_only_stripped"
# OCI's names of architectures -> those in the names of the files.
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class InterpreterLock:
    """python: "3.11.14". release: of python-build-standalone, "20251120". assets: by their
    paths in a mirror."""

    python: str
    release: str
    assets: tuple[PinnedFile, ...]

    @property
    def minor(self) -> str:
        """The Python release that packages name, "3.11"."""
        return ".".join(self.python.split(".")[:2])

    def asset(self, path: str) -> PinnedFile:
        """The file at `path`; raises ModelkilnError where the lock has none."""
        for asset in self.assets:
            if asset.path == path:
                return asset
        raise ModelkilnError(
            f"the lock of CPython {self.python} names no {path}, which is needed here. Lock it again with "
            "`pants lock`; `architectures` must name the package's and those of the machines that build, and programs "
            "of the format `scie` need what scie=False leaves out."
        )

    def to_json(self) -> dict[str, Any]:
        """The lock as a JSON object."""
        files = [{"path": one.path, "size": one.size, "sha256": one.sha256} for one in self.assets]
        return {"schema": SCHEMA, "python": self.python, "release": self.release, "files": files}

    def to_text(self) -> str:
        """The lock as it is committed: JSON for people to read, one text for one value."""
        return json.dumps(self.to_json(), indent=2, sort_keys=True) + "\n"

    def identity(self, platform: str) -> dict[str, str]:
        """What a record says of the interpreter in a program for `platform` ("linux/amd64").

        Not the tools of other machines: a package is the same wherever it was built.
        """
        machine = MACHINES[platform.split("/")[1]]
        used = [one for one in self.assets if one.name.endswith(".tar.gz") or one.name.startswith("scie-jump")]
        files = sorted([one.path, one.sha256] for one in used if machine in one.name)
        return {"python": self.python, "release": self.release, "files": sha256_bytes(canonical_json(files))}


def science_path(version: str, architecture: str) -> str:
    """The tool that puts the program together, for the machine that builds."""
    return f"lift/download/v{version}/science-fat-linux-{MACHINES[architecture]}"


def scie_jump_path(version: str, architecture: str) -> str:
    """The launcher that the program begins with."""
    return f"jump/download/v{version}/scie-jump-gnu-linux-{MACHINES[architecture]}"


def python_path(python: str, release: str, architecture: str) -> str:
    """The interpreter's archive."""
    name = f"cpython-{python}+{release}-{MACHINES[architecture]}-unknown-linux-gnu-{FLAVOR}.tar.gz"
    return f"providers/PythonBuildStandalone/download/{release}/{name}"


def check_release(python: str, release: str, where: str) -> None:
    """Raise ModelkilnError unless both are exact: "3.11.14" and "20251120"."""
    if not re.fullmatch(r"3\.\d+\.\d+", python):
        raise ModelkilnError(f"{where}: python_version {python!r} is not exact; write it as '3.11.14'.")
    if not re.fullmatch(r"20\d{6}", release):
        raise ModelkilnError(
            f"{where}: pbs_release {release!r} is not a release of python-build-standalone, a date such as '20251120'."
        )


def load_interpreter_lock(text: str, where: str) -> InterpreterLock:
    """Read a lock; raises ModelkilnError that names `where` for a broken one."""
    try:
        return _parse(parse_object(text), where)
    except (ValueError, KeyError) as error:
        raise ModelkilnError(
            f"{where}: is not a lock of a portable CPython ({reason(error)}). Write it with `pants lock`."
        ) from None


def _parse(content: Mapping[str, Any], where: str) -> InterpreterLock:
    if content["schema"] != SCHEMA:
        raise ModelkilnError(f"{where}: schema {content['schema']!r}, this Modelkiln reads {SCHEMA}. Upgrade it.")
    if problem := mismatch(content, _SHAPE):
        raise ValueError(problem)
    assets = tuple(PinnedFile.from_json(file) for file in content["files"])
    _check(assets, where)
    check_release(content["python"], content["release"], where)
    return InterpreterLock(content["python"], content["release"], assets)


def _check(assets: Sequence[PinnedFile], where: str) -> None:
    for asset in assets:
        check_path(asset.path, where)
        check_digest(asset.digest, f"{where}: {asset.path}")
        if asset.size == 0:
            raise ModelkilnError(f"{where}: {asset.path}: size {asset.size!r} is not a number of bytes. Lock it again.")
