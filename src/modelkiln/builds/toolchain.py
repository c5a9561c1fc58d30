"""Toolchains: compilers, headers and Python of locked Debian packages, as the root that sdists are built in.

A toolchain is described by a JSON object {"name", "locks"}: the address of its target, for messages,
and by architecture the locks of its packages (see `base.debian_lock`). No maintainer script runs; what
programs are commonly called by is added here.
"""

import posixpath
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Optional

from modelkiln.archives.spool import Spool
from modelkiln.archives.tar import Entry
from modelkiln.base.debian_lock import check_lock, glibc_of, python_of
from modelkiln.base.interpreter import host_architecture, making_folder, packages_folder, write_file
from modelkiln.canonical import canonical_json
from modelkiln.digest import sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.machine.sandbox import can_run
from modelkiln.store.store import Store
from modelkiln.wheels.platforms import ARCHITECTURES

__all__ = ["Toolchain", "choose_toolchain", "open_toolchain", "recorded_wheel", "toolchain_digest", "toolchain_glibc"]

# What of a root is mounted, the links into /usr too.
_TOP = ("usr", "bin", "sbin", "lib", "lib64", "etc")
# What Debian's alternatives system would link: name -> the program next to it.
_ALTERNATIVES = {"usr/bin/cc": "gcc", "usr/bin/c++": "g++", "usr/bin/sh": "dash", "usr/bin/awk": "mawk"}
_LOCK = "Lock it with pants lock."


@dataclass(frozen=True)
class Toolchain:
    """A toolchain that is unpacked at `root` on this machine, `machine` ("x86_64").

    python: its interpreter's path in the root.
    """

    name: str
    machine: str
    python: str
    root: Path

    def programs(self) -> dict[str, Path]:
        """What a build sees of it: path in the root -> folder of this machine."""
        return {f"/{name}": self.root / name for name in _TOP}


def choose_toolchain(described: list[dict[str, Any]], python: str) -> Optional[dict[str, Any]]:
    """Return the one whose interpreter is CPython `python` ("3.11"), or None; two are one too many."""
    found = [one for one in described if {_python(one, name) for name in one["locks"]} == {python}]
    if len(found) > 1:
        names = " and ".join(one["name"] for one in found)
        raise ModelkilnError(f"[modelkiln].build_toolchains: {names} both have Python {python}. Name one of them.")
    return found[0] if found else None


def _python(described: Mapping[str, Any], architecture: str) -> str:
    try:
        return python_of(described["locks"][architecture])
    except ModelkilnError:
        raise ModelkilnError(
            f"{described['name']}: a toolchain has the headers and the interpreter of one Python; name "
            f"python3.N-dev, and no second Python, in its package list. {_LOCK}"
        ) from None


def toolchain_glibc(described: Mapping[str, Any]) -> str:
    """Return the glibc release that programs find in it, the same for each architecture or the oldest."""
    return min((glibc_of(lock) for lock in described["locks"].values()), key=lambda text: int(text.split(".")[1]))


def toolchain_digest(described: Mapping[str, Any]) -> str:
    """Return the digest of a toolchain's locks, of all architectures: packages are the same on each."""
    return sha256_bytes(canonical_json(described["locks"]))


def recorded_wheel(wheel: Mapping[str, Any]) -> dict[str, Any]:
    """Return a wheel as records hold it: in its "build", which it can be made again from, a digest
    stands for the toolchain."""
    build = wheel.get("build")
    if not build:
        return dict(wheel)
    recorded = dict(build)
    if "wheel" in build:
        recorded["wheel"] = recorded_wheel(build["wheel"])
    if "requirements" in build:
        recorded["requirements"] = [recorded_wheel(one) for one in build["requirements"]]
    if "toolchain" in build:
        recorded["toolchain"] = toolchain_digest(build["toolchain"])
    return {**wheel, "build": recorded}


def open_toolchain(described: Mapping[str, Any], python: str, store: Store, title: str) -> Toolchain:
    """Return a toolchain as this machine has it; its packages are fetched and unpacked when they are not.

    title: what is to be built, for messages. Raises ModelkilnError where this machine cannot run it,
    and what fetching and unpacking packages raise.
    """
    name = described.get("name", "of its record")
    architecture = host_architecture()
    machine, _ = ARCHITECTURES.get(f"linux/{architecture}", ("", 0))
    if architecture not in described["locks"] or not machine:
        raise ModelkilnError(
            f"{title}: is to be built with the toolchain {name}, which is for {', '.join(sorted(described['locks']))}, "
            f"and this machine is {architecture or 'none that runs Linux'}. Add its architecture to the toolchain's "
            "field `architectures` and lock it with pants lock, or lock a version that has a wheel."
        )
    reason = can_run()
    if reason:
        raise ModelkilnError(f"{title}: is to be built with the toolchain {name}, in a root of its own, but {reason}")
    lock = check_lock(described["locks"][architecture], f"toolchain {name}")
    if python_of(lock) != python:
        raise ModelkilnError(f"{title}: needs a toolchain with Python {python}, and {name} has {python_of(lock)}.")
    root = _unpacked(lock, store)
    return Toolchain(name, machine, f"/usr/bin/python{python}", root)


def _unpacked(lock: Mapping[str, Any], store: Store) -> Path:
    """The folder in which a lock's packages are unpacked; it is made when it is missing."""
    folder = packages_folder("toolchains", lock["packages"], store)
    with making_folder(folder) as temporary:
        if temporary is not None:
            _unpack(lock, store, temporary)
    return folder.absolute()


def _unpack(lock: Mapping[str, Any], store: Store, folder: Path) -> None:
    from modelkiln.base.debian_root import root_entries

    incoming = store.root / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=incoming) as stream:
        entries = root_entries(lock, store, Spool(stream))
        for path, program in _ALTERNATIVES.items():
            if path not in entries and posixpath.join(posixpath.dirname(path), program) in entries:
                entries[path] = Entry(path, kind="symlink", link=program)
        links = {path for path, entry in entries.items() if entry.kind == "symlink"}
        for path in sorted(entries):
            parent = posixpath.dirname(path)
            while parent and parent not in links:
                parent = posixpath.dirname(parent)
            if parent:
                # It would be written where the link leads, on this machine.
                raise ModelkilnError(f"toolchain: /{path} lies below the link /{parent}. Leave its package out.")
            _write(entries[path], folder / path)


def _write(entry: Entry, target: Path) -> None:
    if entry.kind == "dir":
        target.mkdir(parents=True, exist_ok=True)
    elif entry.kind == "symlink":
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(entry.link)
    else:
        assert entry.open is not None, entry.path
        with entry.open() as content:
            write_file(target, content, entry.executable)
