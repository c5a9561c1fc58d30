"""Model artifacts of this machine's file system: one file, a folder, or the files of a pattern."""

import io
import os
import stat
import time
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Iterator, Mapping, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.machine.git import Git
from modelkiln.machine.submodules import check_submodules
from modelkiln.pinned_file import may_be_empty
from modelkiln.sources.patterns import has_pattern, matches
from modelkiln.sources.source import Listing, Source, SourceFile, Stamp

__all__ = ["LocalSource", "open_source"]

# File systems keep times in ticks of up to 10 ms (Linux, CONFIG_HZ): a file that was written to
# more recently than this may be written to again without a change of its time.
_SETTLED_NS = 50_000_000


def open_source(uri: str, env: Mapping[str, str], folder: Path) -> "LocalSource":
    """Return the source of a path or pattern, relative to `folder`, or of a `file:` URI."""
    return LocalSource(uri, folder, env)


@dataclass
class LocalSource(Source):
    """Files below a folder, by the URI that names them.

    A folder's files have paths relative to it; a file keeps its path as the target spells it, or its
    name when that leads out of `folder`; a pattern's files have paths relative to `folder`.
    """

    uri: str
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        text = self.uri
        if text.startswith("file:"):
            parts = urllib.parse.urlsplit(text)
            if parts.netloc not in ("", "localhost"):
                raise ModelkilnError(f"source {text!r}: names the host {parts.netloc!r}; write file:///path.")
            text = urllib.parse.unquote(parts.path)
        self._is_pattern = has_pattern(text)
        self._text = text[2:] if text.startswith("./") else text
        self._path = os.path.abspath(self.folder / ("" if self._is_pattern else text))
        self._is_folder = self._is_pattern or os.path.isdir(self._path)
        # What files were when they were listed, and when that was.
        self._listed: dict[str, tuple[_Identity, int]] = {}

    def list(self) -> Listing:
        """Return the files that are there; raises ModelkilnError when there is none."""
        check_submodules(Path(self._path, self._text if self._is_pattern else ""), f"source {self.uri!r}")
        if self._is_pattern:
            files = self._matching()
        elif self._is_folder:
            files = [self._file(name, entry) for name, entry in _walk(self._path)]
        else:
            inside = os.path.relpath(self._path, os.path.abspath(self.folder))
            outside = os.path.isabs(self._text) or inside.startswith("..")
            status = self._status(self._path)
            files = [self._found(os.path.basename(self._path) if outside else inside, status)]
        return Listing(self.uri, "", tuple(files))

    def _matching(self) -> Sequence[SourceFile]:
        parts = self._text.split("/")
        plain = parts[: next(i for i, part in enumerate(parts) if has_pattern(part))]
        if self._text.startswith("/") or ".." in plain:
            raise ModelkilnError(f"source {self.uri!r}: a pattern must stay below its folder. Name the folder itself.")
        start = os.path.join(self._path, *plain)
        found = _walk(start, "".join(f"{part}/" for part in plain)) if os.path.isdir(start) else ()
        return [self._file(name, entry) for name, entry in found if matches(name, "/" + self._text)]

    def _file(self, name: str, entry: "os.DirEntry[str]") -> SourceFile:
        try:
            status = entry.stat()
        except OSError as error:
            problem = self._refuse(entry.path, f"{error.strerror}. Fix it, or exclude it")
            return SourceFile(name, problem=str(problem))
        if not stat.S_ISREG(status.st_mode):
            problem = self._refuse(entry.path, "is not a regular file. Remove it, or exclude it")
            return SourceFile(name, problem=str(problem))
        return self._found(name, status)

    def _found(self, name: str, status: os.stat_result) -> SourceFile:
        self._listed[name] = (_identity(status), time.time_ns())
        if status.st_size == 0 and not may_be_empty(name):
            return SourceFile(name, 0, is_meant_empty=self._is_empty_in_lfs(name))
        return SourceFile(name, status.st_size)

    def _is_empty_in_lfs(self, name: str) -> bool:
        folder, base = os.path.split(f"{self._path}/{name}" if self._is_folder else self._path)
        try:
            return Git(Path(folder), self.env, f"source {self.uri!r}").has_empty_lfs_file(base)
        except ModelkilnError:
            return False  # Without git nothing is committed.

    def _at(self, file: SourceFile) -> str:
        return f"{self._path}/{file.path}" if self._is_folder else self._path

    def _status(self, path: str) -> os.stat_result:
        try:
            status = os.stat(path)
        except OSError as error:
            check_submodules(Path(path), f"source {self.uri!r}")
            raise self._refuse(path, f"{error.strerror}. Correct the path") from None
        if not stat.S_ISREG(status.st_mode):
            raise self._refuse(path, "is not a regular file. Remove it")
        return status

    def _refuse(self, path: str, what: str) -> ModelkilnError:
        return ModelkilnError(f"source {self.uri!r}: {path}: {what}, and lock again.")

    def open(self, file: SourceFile, offset: int = 0) -> BinaryIO:
        """Open the file from byte `offset`; raises ModelkilnError for one that is not what it was when it was listed.

        `stamp` shows whether it still is afterwards; a link may lead elsewhere meanwhile, and back.
        """
        path = self._at(file)
        try:
            stream = io.FileIO(path, "rb", opener=_open_at_once)
        except OSError as error:
            raise self._refuse(path, f"{error.strerror}. Fix it") from None
        try:
            self._check_listed(file, path, os.fstat(stream.fileno()))
        except ModelkilnError:
            stream.close()
            raise
        if offset:
            stream.seek(offset)
        return stream  # type: ignore[return-value]

    def read(self, file: SourceFile) -> bytes:
        """Return the content; raises ModelkilnError for a file that is not what it was when it was listed.

        System calls without a stream around them: there may be thousands of small files.
        """
        path, left, pieces = self._at(file), file.size or 0, []
        try:
            opened = _open_at_once(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise self._refuse(path, f"{error.strerror}. Fix it") from None
        try:
            while left:
                data = os.read(opened, left)
                if not data:
                    break
                pieces.append(data)
                left -= len(data)
            status = os.fstat(opened)
        finally:
            os.close(opened)
        self._check_listed(file, path, status)
        return b"".join(pieces)

    def _check_listed(self, file: SourceFile, path: str, status: os.stat_result) -> None:
        listed = self._listed.get(file.path)
        if listed is not None and listed[0] != _identity(status):
            raise ModelkilnError(
                f"source {self.uri!r}: {path}: was changed while it was read. Lock again when nothing writes to it."
            )

    def stamp(self, file: SourceFile) -> Stamp:
        """Return what changes when the file does: where it lies, its size and its times."""
        path = self._at(file)
        return _stamp(path, _identity(self._status(path)), time.time_ns())

    def listed_stamp(self, file: SourceFile) -> Stamp:
        """See Source."""
        listed = self._listed.get(file.path)
        return _stamp(self._at(file), *listed) if listed else self.stamp(file)

    def place(self, file: SourceFile) -> str:
        """Return the file's own path."""
        return self._at(file)


# Device, inode, size in bytes, and the times of the last change of content and of status in ns.
_Identity = tuple[int, int, int, int, int]


def _identity(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _stamp(path: str, identity: _Identity, now_ns: int) -> Stamp:
    device, inode, size, modified_ns, changed_ns = identity
    text = f"{path}\0{device}\0{inode}\0{size}\0{modified_ns}\0{changed_ns}"
    return Stamp(text, now_ns - changed_ns > _SETTLED_NS)


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # What has become a pipe must not make us wait.


def _walk(
    top: str, prefix: str = "", above: tuple[tuple[int, int], ...] = ()
) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """Yield all files below `top`, links followed, with their paths relative to it after `prefix`."""
    try:
        status = os.stat(top)
        with os.scandir(top) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise ModelkilnError(f"{top}: {error.strerror}. Fix it, or choose another source.") from None
    here = (status.st_dev, status.st_ino)
    if here in above:
        raise ModelkilnError(f"{top}: is a link to a folder above it. Remove it, or choose another source.")
    for entry in entries:
        if entry.is_dir():
            yield from _walk(entry.path, f"{prefix}{entry.name}/", (*above, here))
        else:
            yield f"{prefix}{entry.name}", entry
