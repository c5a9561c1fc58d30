"""The root file system that Debian packages make, straight from their .deb files.

Nothing is installed: no maintainer script runs, and what the scripts would have written is added
(see `debian_scripts`). Contents go through one temporary file without a name, because packages are
read forward and a layer is sorted by path.
"""

import posixpath
import re
from typing import Any, BinaryIO, Mapping, Optional, Sequence

from modelkiln.archives.spool import Spool
from modelkiln.archives.tar import Entry
from modelkiln.base import debian_scripts as debian_files
from modelkiln.base.debian_mirrors import deb_digest, fetch_debs
from modelkiln.base.debian_package import DebEntry, iter_data, read_control
from modelkiln.base.interpreter import making_interpreter, unpack_entries
from modelkiln.conventions import CODE_FOLDER, MODELS_FOLDER
from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import load_machine_env
from modelkiln.store.store import Store

__all__ = ["Root", "fill_root", "keeps", "merged_link", "merged_path", "root_entries"]

# Documentation, in any language, that no program reads. Licences are kept: see `keeps`.
_LEFT_OUT = tuple(
    f"usr/share/{name}/"
    for name in ("bug", "doc", "doc-base", "gcc", "gdb", "info", "lintian", "locale", "man", "menu", "pixmaps")
)
# What serving a model never needs: the C library's tables of character sets other than Unicode's
# (Python has its own), and of the standard library, the texts of `help()` and its tests.
_UNNEEDED = re.compile(r"usr/lib/([^/]+/gconv|python3\.\d+/(pydoc_data|test|idlelib|lib2to3|turtledemo))/")
# What other layers own.
_RESERVED = (CODE_FOLDER, MODELS_FOLDER, "opt/venv", "opt/venvs")
# Folders that are links to their namesakes below /usr, on every Debian since 12 (usrmerge).
_MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")


class Root:
    """The root file system as it grows: entries by path, and whose they are."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.entries: dict[str, Entry] = {}
        self._owners: dict[str, str] = {}

    def put(self, entry: Entry, owner: str) -> None:
        """Add an entry of the package `owner`; raises ModelkilnError where another package has another one."""
        known = self.entries.get(entry.path)
        if known is not None and known.kind == entry.kind == "dir":
            # Packages agree on folders but for the mode; /tmp stays open to all.
            entry = known if known.sticky else entry
        elif known is not None and not known.same_as(entry):
            raise ModelkilnError(
                f"{owner}: /{entry.path} is in {self._owners[entry.path]} as well, with other "
                "content. Leave one of the two packages out of the package list."
            )
        self.entries[entry.path] = entry
        self._owners.setdefault(entry.path, owner)


def root_entries(lock: Mapping[str, Any], store: Store, spool: Spool) -> dict[str, Entry]:
    """Return the root file system that locked packages make, by path, without byte code.

    spool: takes what files hold. Packages that `store` lacks are fetched. Raises what `build` raises.
    """
    fetch_debs(lock["packages"], store, load_machine_env(store.root))
    return fill_root(lock, (), store, spool).entries


def fill_root(lock: Mapping[str, Any], interpreter: Sequence[Mapping[str, Any]], store: Store, spool: Spool) -> Root:
    """The root of a lock's packages, with what their maintainer scripts would have written."""
    root = Root(spool)
    controls = _add_packages(lock["packages"], interpreter, store, root)
    for entry in debian_files.entries(lock, controls, root.entries):
        root.put(entry, "base")
    return root


def _add_packages(
    packages: Sequence[Mapping[str, Any]], interpreter: Sequence[Mapping[str, Any]], store: Store, root: Root
) -> list[str]:
    """Add packages to `root`; returns their control paragraphs in the same order.

    The interpreter's come first, and are laid out for it too where it was never unpacked before, so
    that they are read once. Layers of wheels, which want it meanwhile, wait for it.
    """
    digests = {deb_digest(package) for package in interpreter}
    own = [package for package in packages if deb_digest(package) in digests]
    controls = {}
    if interpreter and len(own) == len(digests):
        with making_interpreter(interpreter, store) as folder:
            controls = {deb_digest(package): _add_package(package, store, root) for package in own}
            if folder is not None:
                unpack_entries(root.entries.values(), folder)
    for package in packages:
        if deb_digest(package) not in controls:
            controls[deb_digest(package)] = _add_package(package, store, root)
    return [controls[deb_digest(package)] for package in packages]


def _add_package(package: Mapping[str, Any], store: Store, root: Root) -> str:
    """Add what `keeps` keeps of a package to `root`; returns its control paragraph."""
    where = f"Debian package {package['name']} {package['version']}"
    own: dict[str, Entry] = {}
    with store.open(deb_digest(package)) as stream:
        control = read_control(stream, where)
        for entry, content in iter_data(stream, where):
            if entry.path in _MERGED and entry.kind == "symlink":
                continue  # base-files has them since trixie; every base gets them, see `debian_scripts`.
            path = merged_path(entry.path)
            if not keeps(path, entry.kind):
                continue
            if any(path == name or path.startswith(name + "/") for name in _RESERVED):
                raise ModelkilnError(f"{where}: holds /{path}, which is for other layers of a package. Leave it out.")
            own[path] = _entry(entry, path, content, own, root.spool, where)
            root.put(own[path], where)
    return control


def _entry(
    entry: DebEntry, path: str, content: Optional[BinaryIO], own: Mapping[str, Entry], spool: Spool, where: str
) -> Entry:
    if entry.kind == "dir":
        return Entry(path, kind="dir", sticky=entry.sticky)
    if entry.kind == "symlink":
        return Entry(path, kind="symlink", link=merged_link(entry.path, entry.link))
    if entry.kind == "file":
        return spool.add(path, content, entry.executable)
    # A layer that is unpacked by digest and path has no use for hard links: a copy.
    target = own.get(merged_path(entry.link))
    if target is None or target.kind != "file":
        raise ModelkilnError(
            f"{where}: {path!r} is a hard link to {entry.link!r}, which is not an earlier file of the package. Refused."
        )
    return Entry(path, size=target.size, executable=target.executable, sha256=target.sha256, open=target.open)


def keeps(path: str, kind: str) -> bool:
    """Whether the base keeps a package's entry at `path`: all but documentation and what no model needs.

    Of /usr/share/doc, the licences stay, and the links by which packages share one.
    """
    if path in _MERGED:
        return False
    parts = path.split("/")
    if parts[:3] == ["usr", "share", "doc"]:
        return (len(parts) == 5 and parts[4] == "copyright") or (len(parts) == 4 and kind == "symlink")
    return not (path + "/").startswith(_LEFT_OUT) and not _UNNEEDED.match(path + "/")


def merged_path(path: str) -> str:
    """Return where `path` lies when /bin, /lib and the like are links into /usr."""
    return f"usr/{path}" if path.split("/", 1)[0] in _MERGED else path


def merged_link(path: str, target: str) -> str:
    """Return the target of the package's link at `path` after the link has moved into /usr.

    A relative target that climbs to the root would point elsewhere from there; it is written anew.
    """
    moved = merged_path(path)
    if moved == path or target.startswith("/") or ".." not in target.split("/"):
        return target
    meant = merged_path(posixpath.normpath(posixpath.join(posixpath.dirname(path), target)))
    return posixpath.relpath("/" + meant, "/" + posixpath.dirname(moved))
