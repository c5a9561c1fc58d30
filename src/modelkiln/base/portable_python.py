"""A portable CPython as part of a base: the archive of python-build-standalone below /usr/local.

It brings its own libraries and takes of the base the C library alone, whatever Python the base's Debian has.
"""

import functools
import posixpath
import re
import tarfile
import urllib.parse
from typing import Any, BinaryIO, Callable, Iterator, Mapping, Optional

from modelkiln.archives.spool import Spool
from modelkiln.archives.tar import Entry, check_link, check_path
from modelkiln.archives.tar_reader import open_tar
from modelkiln.base.debian_mirrors import Refused, deb_digest, download
from modelkiln.base.portable_python_lock import InterpreterLock, python_path
from modelkiln.errors import ModelkilnError
from modelkiln.store.store import Store
from modelkiln.wheels.elf import read_needs

__all__ = [
    "MIRROR_VARIABLE",
    "PREFIX",
    "address_of",
    "archive_entries",
    "archive_package",
    "fetch_archive",
    "is_archive",
]

# The base address of a mirror. Without one, each project's own releases.
MIRROR_VARIABLE = "MODELKILN_SCIE_MIRROR"
_HOMES = {
    "lift": "https://github.com/a-scie/lift/releases",
    "jump": "https://github.com/a-scie/jump/releases",
    "providers/PythonBuildStandalone": "https://github.com/astral-sh/python-build-standalone/releases",
}
# Where programs look for what a distribution did not install (Filesystem Hierarchy Standard 3.0, 4.9).
PREFIX = "usr/local"
_NAME, _ENDING = "cpython", ".tar.gz"
# The folder that an archive has at its top.
_TOP = "python/"
# What a served model never needs: headers, manuals, Tcl/Tk, other programs than Python, pip, texts of `help()` and
# tests. The library for programs that embed Python is the program's own in releases before 2025, see `_without_unused`.
_UNNEEDED = re.compile(
    r"include/|share/|lib/(pkgconfig|tcl|tk|itcl|thread|libpython3\.so|libtcl|libtk)"
    r"|lib/python3\.\d+/(config-|ensurepip/|idlelib/|lib2to3/|pydoc_data/|site-packages/|test/|tkinter/|turtledemo/)"
    r"|lib/python3\.\d+/(lib-dynload/(_?xx|_ctypes_test|_test|_tkinter)|turtle\.py)"
)
_PROGRAM = re.compile(r"bin/python(3(\.\d+)?)?")


def archive_package(lock: InterpreterLock, architecture: str) -> dict[str, Any]:
    """Return the archive of a lock in the form that a recipe has the packages of an interpreter in."""
    asset = lock.asset(python_path(lock.python, lock.release, architecture))
    return {
        "name": _NAME,
        "version": f"{lock.python}+{lock.release}",
        "architecture": architecture,
        "filename": asset.path,
        "size": asset.size,
        "sha256": asset.sha256,
    }


def is_archive(package: Mapping[str, Any]) -> bool:
    """Whether one of an interpreter's packages is such an archive, and not Debian's."""
    return package.get("name") == _NAME and str(package.get("filename")).endswith(_ENDING)


def address_of(path: str, env: Mapping[str, str]) -> str:
    """Return where the file at `path` of a lock is read from."""
    mirror = env.get(MIRROR_VARIABLE, "")
    if mirror:
        return f"{mirror.rstrip('/')}/{urllib.parse.quote(path)}"
    home = next((home for home in _HOMES if path.startswith(f"{home}/")), None)
    if home is None:
        raise ModelkilnError(f"{path}: is not a path of a portable CPython's lock. Write the lock with `pants lock`.")
    return f"{_HOMES[home]}/{urllib.parse.quote(path[len(home) + 1 :])}"


def fetch_archive(package: Mapping[str, Any], store: Store, env: Mapping[str, str]) -> None:
    """Put an archive that `store` lacks into it, by its hash alone; raises ModelkilnError."""
    from modelkiln.network.http import NETWORK_ERRORS, with_retries  # For what the store lacks.

    if store.verify(deb_digest(package)):
        return
    url = address_of(package["filename"], env)
    try:
        with_retries(functools.partial(download, url, package, store, env))
    except (*NETWORK_ERRORS, Refused) as error:
        raise ModelkilnError(
            f"CPython {package['version']}: the pinned archive cannot be read from {url} ({error}). Name a mirror that "
            "has it in [modelkiln].scie_mirror."
        ) from None


def archive_entries(package: Mapping[str, Any], store: Store, spool: Spool) -> list[Entry]:
    """Return what a base has of an archive in `store`, at its paths in the root; `spool` takes what files hold.

    Raises ModelkilnError for an archive that is damaged or holds what a layer must not hold.
    """
    where = f"CPython {package['version']}"
    try:
        with store.open(deb_digest(package)) as stream, open_tar(stream, "r:gz") as archive:
            entries = [_entry(path, member, archive, spool, where) for path, member in _members(archive, where)]
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ModelkilnError(f"{where}: its archive cannot be read ({error}). Lock the interpreter again.") from None
    release = ".".join(package["version"].split(".")[:2])
    program = f"{PREFIX}/bin/python{release}"
    for entry in entries:
        if entry.path == program and entry.open is not None:
            return _without_unused(entries, entry.open, f"{where}: {program}")
    raise ModelkilnError(f"{where}: its archive has no program bin/python{release}. Lock the interpreter again.")


def _without_unused(entries: list[Entry], program: Callable[[], BinaryIO], where: str) -> list[Entry]:
    """The entries without the library of Python, where the program has it inside."""
    with program() as stream:
        needs = read_needs(stream.read(), where)
    used = {library.rpartition("/")[2] for library in needs.libraries} if needs else set()
    library = f"{PREFIX}/lib/libpython"
    return [one for one in entries if not one.path.startswith(library) or one.path.rpartition("/")[2] in used]


def _members(archive: tarfile.TarFile, where: str) -> Iterator[tuple[str, tarfile.TarInfo]]:
    for member in archive:
        name = posixpath.normpath(member.name) if member.name.startswith("./") else member.name.rstrip("/")
        path = check_path(name, where)
        if path.startswith(_TOP) and not member.isdir() and _is_needed(path[len(_TOP) :]):
            yield f"{PREFIX}/{path[len(_TOP) :]}", member


def _is_needed(path: str) -> bool:
    if path.startswith("bin/"):
        return bool(_PROGRAM.fullmatch(path))
    # Byte code is compiled here, with pycs that are never compared with their source.
    return not _UNNEEDED.match(path) and not path.endswith(".pyc")


def _entry(path: str, member: tarfile.TarInfo, archive: tarfile.TarFile, spool: Spool, where: str) -> Entry:
    if member.issym():
        return Entry(path, kind="symlink", link=check_link(path, member.linkname, where))
    content: Optional[BinaryIO] = archive.extractfile(member) if member.isfile() else None
    if content is None or member.mode & 0o6000:
        raise ModelkilnError(f"{where}: {member.name!r} is neither a plain file nor a symbolic link. Refused.")
    return spool.add(path, content, bool(member.mode & 0o100))
