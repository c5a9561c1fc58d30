"""One sdist: unpacked strictly, and what it says of how it is built.

The format is PyPA's "Source distribution format"; how it is built is in its pyproject.toml
("Declaring build system dependencies", PEP 517 and 518).
"""

import os
import shutil
import stat
import sys
import tarfile
import zipfile
import zlib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterator, Optional

from modelkiln.archives.tar import check_link, check_path
from modelkiln.archives.tar_reader import open_tar
from modelkiln.errors import ModelkilnError

__all__ = ["SOURCE_DATE", "BuildSystem", "is_sdist", "read_build_system", "unpack_sdist"]

# 1980-01-01, the first date that a zip file can hold. All files of the sources have it, and it is
# SOURCE_DATE_EPOCH for their build.
SOURCE_DATE = 315532800
# A file of some kilobytes can claim any size. The largest sdists unpack to some hundred megabytes.
_SIZE_LIMIT = 2 << 30
_ENDINGS = (".tar.gz", ".zip")
_ERRORS = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class BuildSystem:
    """How an sdist is built. requires: PEP 508 strings. backend, backend_path: as in PEP 517."""

    requires: tuple[str, ...]
    backend: str
    backend_path: Optional[tuple[str, ...]] = None


# What frontends take where an sdist says nothing (PEP 517, "Source trees").
_LEGACY = BuildSystem(("setuptools>=40.8.0",), "setuptools.build_meta:__legacy__")


@dataclass(frozen=True)
class _Member:
    """One entry of an archive: a file with its bytes, a folder, a symbolic link with its target, or a
    hard link with the path of the entry that it repeats."""

    path: str
    kind: str
    size: int = 0
    executable: bool = False
    link: str = ""
    open: Optional[Callable[[], Any]] = None


def is_sdist(filename: str) -> bool:
    """Whether a file's name is that of an sdist that can be built here."""
    return filename.endswith(_ENDINGS)


def unpack_sdist(archive: Path, filename: str, folder: Path) -> None:
    """Unpack an sdist, called `filename`, so that `folder` is its one top folder.

    Modes and times are normalised, and a hard link becomes a copy of the earlier file or symbolic link
    that it leads to. Raises ModelkilnError for entries that leave the folder, hard links to anything
    else, special files, entries that are there twice or below a file or a link, a size of more than
    2 GiB, and damage; what was unpacked until then is removed.
    """
    folder.mkdir(parents=True)
    try:
        with archive.open("rb") as stream:
            members = _zip_members(stream) if filename.endswith(".zip") else _tar_members(stream)
            _Unpacking(filename, folder).write(members)
    except ModelkilnError:
        shutil.rmtree(folder)
        raise
    except _ERRORS as error:
        shutil.rmtree(folder)
        raise ModelkilnError(
            f"{filename}: is damaged, or not an sdist ({error}). Refused; lock another version."
        ) from None


_TAR_KINDS: tuple[tuple[str, Callable[[tarfile.TarInfo], bool]], ...] = (
    ("dir", tarfile.TarInfo.isdir),
    ("link", tarfile.TarInfo.issym),
    ("hardlink", tarfile.TarInfo.islnk),
    ("file", tarfile.TarInfo.isreg),
)


def _tar_members(stream: BinaryIO) -> Iterator[_Member]:
    with open_tar(stream, "r:gz") as archive:
        for member in archive:
            kind = next((kind for kind, is_kind in _TAR_KINDS if is_kind(member)), "special")
            executable = bool(member.mode & 0o100)
            path = member.name.rstrip("/") if kind == "dir" else member.name
            yield _Member(path, kind, member.size, executable, member.linkname, _opener(archive, member))


def _zip_members(stream: BinaryIO) -> Iterator[_Member]:
    with zipfile.ZipFile(stream) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            odd = stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR)
            kind = "special" if odd else "dir" if info.filename.endswith("/") else "file"
            path = info.filename.rstrip("/") if kind == "dir" else info.filename
            yield _Member(path, kind, info.file_size, bool(mode & 0o100), "", _opener(archive, info))


def _opener(archive: Any, member: Any) -> Callable[[], Any]:
    return lambda: archive.extractfile(member) if isinstance(archive, tarfile.TarFile) else archive.open(member)


class _Unpacking:
    """An sdist on its way into the folder `folder`. where: the sdist, in errors. seen: path -> kind, of what came."""

    def __init__(self, where: str, folder: Path) -> None:
        self._where, self._folder = where, folder
        self._seen: dict[str, str] = {}
        self._top, self._size = "", 0

    def write(self, members: Iterator[_Member]) -> None:
        """Write all members, without the folder that they lie below; raises ModelkilnError for what is no sdist's."""
        for member in members:
            name = _clean(member.path, self._where)
            first, _, path = name.partition("/")
            self._top = self._top or first
            if member.kind == "hardlink":
                member = self._linked(member, name)
            self._size += member.size
            self._check(member, name)
            if path:
                _write_member(member, self._folder / path)
        if "file" not in self._seen.values():
            raise self._refuse("is empty")
        for parent, _, names in os.walk(self._folder, topdown=False):
            for name in [*names, "."]:
                os.utime(os.path.join(parent, name), (SOURCE_DATE, SOURCE_DATE), follow_symlinks=False)

    def _linked(self, member: _Member, name: str) -> _Member:
        """The entry that a hard link repeats: an earlier one, so that it is written already."""
        target = _clean(member.link, f"{self._where}: hard link {name!r}")
        written = self._folder / target.partition("/")[2]
        if self._seen.get(target) == "link":
            return replace(member, kind="link", link=os.readlink(written))
        if self._seen.get(target) != "file":
            raise self._refuse(f"{name!r} is a hard link to {member.link!r}, which is not a file before it")
        info = written.stat()
        executable = bool(info.st_mode & 0o100)
        return replace(member, kind="file", size=info.st_size, executable=executable, open=partial(written.open, "rb"))

    def _check(self, member: _Member, name: str) -> None:
        issue, seen = "", self._seen
        parents = name.split("/")[:-1]
        above = ["/".join(parents[: number + 1]) for number in range(len(parents))]
        if member.kind == "special":
            issue = f"{name!r} is a device or another special file"
        elif name.split("/")[0] != self._top or (name == self._top and member.kind != "dir"):
            issue = f"{name!r} is not below the one folder {self._top!r}"
        elif any(seen.get(path, "dir") != "dir" for path in above):
            issue = f"{name!r} lies below a file or a link"
        elif name in seen and not seen[name] == member.kind == "dir":
            issue = f"{name!r} is there twice"
        elif self._size > _SIZE_LIMIT:
            issue = f"it unpacks to more than {_SIZE_LIMIT} bytes"
        if issue:
            raise self._refuse(issue)
        if member.kind == "link":
            # The top folder becomes another one: a link must stay below it, and absolute ones lead elsewhere.
            relative = name.partition("/")[2]
            check_link(relative, member.link if not member.link.startswith("/") else "../" * 99, self._where)
        seen.update({path: "dir" for path in above})
        seen[name] = member.kind

    def _refuse(self, issue: str) -> ModelkilnError:
        return ModelkilnError(f"{self._where}: {issue}. Refused; lock another version.")


def _clean(path: str, where: str) -> str:
    return check_path(path[2:] if path.startswith("./") else path, where)


def _write_member(member: _Member, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if member.kind == "dir":
        target.mkdir(exist_ok=True)
    elif member.kind == "link":
        target.symlink_to(member.link)
    else:
        assert member.open is not None
        with member.open() as source, target.open("xb") as stream:
            shutil.copyfileobj(source, stream, 1 << 20)
            if stream.tell() != member.size:
                raise EOFError(f"{member.path} has {stream.tell()} bytes, want {member.size}")
        target.chmod(0o755 if member.executable else 0o644)


def read_build_system(folder: Path, title: str) -> BuildSystem:
    """Return what the sources in `folder` say of how they are built.

    title: the sdist, for messages. Raises ModelkilnError for a pyproject.toml that is not TOML or
    whose table [build-system] is not what PEP 518 wants, and for sources with nothing to build.
    """
    path = folder / "pyproject.toml"
    if not path.is_file():
        if not (folder / "setup.py").is_file():
            raise ModelkilnError(f"{title}: holds neither pyproject.toml nor setup.py, so it cannot be built.")
        return _LEGACY
    table = _read_toml(path, title).get("build-system")
    if table is None:
        return _LEGACY
    requires, backend = table.get("requires"), table.get("build-backend", _LEGACY.backend)
    backend_path = table.get("backend-path")
    lists = [requires, [] if backend_path is None else backend_path]
    if not all(isinstance(items, list) and all(isinstance(item, str) for item in items) for items in lists):
        raise ModelkilnError(f"{title}: pyproject.toml: [build-system] needs `requires`, a list of strings.")
    if not isinstance(backend, str):
        raise ModelkilnError(f"{title}: pyproject.toml: [build-system].build-backend is not a string.")
    return BuildSystem(tuple(requires), backend, None if backend_path is None else tuple(backend_path))


def _read_toml(path: Path, title: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        parsed = tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ModelkilnError(f"{title}: pyproject.toml cannot be read: {error}.") from None
    table = parsed.get("build-system", {})
    return parsed if isinstance(table, dict) else {"build-system": {}}
