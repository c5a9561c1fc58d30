"""One wheel, read from its zip file without unpacking it.

The format is PyPA's "Binary distribution format" (PEP 427 and its successors), the list of files
is its RECORD ("Recording installed projects"). A wheel is read strictly: what an installer would
repair, guess or overlook is refused, because the same bytes must mean the same tree to everybody.
"""

import base64
import binascii
import hashlib
import re
import stat
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Iterable, Iterator, Mapping, Optional

from modelkiln.archives.tar import check_path
from modelkiln.digest import iter_chunks
from modelkiln.errors import ModelkilnError
from modelkiln.wheels.placeholder import is_zero
from modelkiln.wheels.zip_member import DAMAGE, ZipMember

__all__ = ["Wheel", "WheelFile", "data_issue", "open_wheel"]

# Metadata is read whole. The largest RECORD seen, of a CUDA build of PyTorch, has 2 MB.
_METADATA_LIMIT = 64 << 20

# "Recording installed projects": a hash is SHA-256 or better.
_ALGORITHMS = ("sha256", "sha384", "sha512")

# PEP 427: signatures of RECORD. They are not listed in it and mean nothing once it is rewritten.
_SIGNATURES = ("RECORD.jws", "RECORD.p7s")

_ZIP_ERRORS = (*DAMAGE, OSError, NotImplementedError, RuntimeError, UnicodeDecodeError)


@dataclass(frozen=True)
class WheelFile:
    """One file of a wheel: path in the zip, bytes, sha256 (hex, as RECORD has it), run bit."""

    path: str
    size: int
    sha256: str
    executable: bool


class Wheel:
    """An open wheel; made by `open_wheel`.

    title: its file name, for messages. dist_info: the name of its `.dist-info` folder. files: all
    but RECORD and its signatures, in the zip's order.
    """

    def __init__(self, archive: zipfile.ZipFile, stream: BinaryIO, title: str, name: str, version: str) -> None:
        self.title, self.name, self.version = title, name, version
        self._stream = stream
        self._infos = self._check_infos(archive)
        self.dist_info = self._find_dist_info()
        self.files = self._check_record(self._read_record())
        self._check_metadata()

    @property
    def data(self) -> str:
        """The name of the folder of files that go elsewhere than to site-packages."""
        return self.dist_info[: -len(".dist-info")] + ".data"

    @property
    def unpacked_size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def has(self, path: str) -> bool:
        """Whether the wheel holds a file at `path`."""
        return path in self._infos

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading; damage found on the way raises ModelkilnError."""
        try:
            return _Member(ZipMember(self._stream, self._infos[path]), f"{self.title}: {path}")
        except _ZIP_ERRORS as error:
            raise _damaged(f"{self.title}: {path}", error) from None

    def read(self, path: str) -> bytes:
        """Return the bytes of a small file; its sha256 is the caller's to check."""
        if self._infos[path].file_size > _METADATA_LIMIT:
            raise self._refuse(f"{path} has {self._infos[path].file_size} bytes, more than {_METADATA_LIMIT}.")
        with self.open(path) as stream:
            data = stream.read()
        return data

    def read_metadata(self, name: str) -> str:
        """Return the text of a file of the `.dist-info` folder."""
        path = f"{self.dist_info}/{name}"
        if not self.has(path):
            raise self._refuse(f"it holds no {path}.")
        try:
            return self.read(path).decode("utf-8")
        except UnicodeDecodeError:
            raise self._refuse(f"{path} is not UTF-8.") from None

    def _refuse(self, *issues: str) -> ModelkilnError:
        shown = " ".join(issues[:20])
        return ModelkilnError(f"{self.title}: {shown} Refused; lock another version or build of {self.name}.")

    def _check_infos(self, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
        found: dict[str, zipfile.ZipInfo] = {}
        issues, folders = [], set()
        for info in archive.infolist():
            issue = _issue_of(info)
            if issue or info.filename in found:
                issues.append(f"{info.orig_filename!r} {issue or 'is in the zip file twice'}.")
            elif info.filename.endswith("/"):
                folders.add(info.filename[:-1])
            else:
                found[info.filename] = info
        issues += [f"{path!r} is both a file and a folder." for path in sorted(folders & set(found))]
        if issues:
            raise self._refuse(*issues)
        return found

    def _find_dist_info(self) -> str:
        from packaging.utils import canonicalize_name
        from packaging.version import InvalidVersion, Version

        top = {path.split("/", 1)[0] for path in self._infos if "/" in path}
        found = sorted(name for name in top if name.endswith(".dist-info"))
        if len(found) != 1:
            raise self._refuse(f"it has {len(found)} .dist-info folders {found}, want one.")
        name, _, version = found[0][: -len(".dist-info")].rpartition("-")
        try:
            same = Version(version) == Version(self.version)
        except InvalidVersion:
            same = False
        if not same or canonicalize_name(name) != canonicalize_name(self.name):
            raise self._refuse(f"its folder {found[0]!r} is not that of {self.name} {self.version}.")
        issue = data_issue(top)
        if issue:
            raise self._refuse(issue)
        return found[0]

    def _read_record(self) -> dict[str, tuple[str, str]]:
        from installer.records import InvalidRecordEntry, parse_record_file

        rows: dict[str, tuple[str, str]] = {}
        try:
            for path, digest, size in parse_record_file(self.read_metadata("RECORD").splitlines()):
                if path in rows:
                    raise self._refuse(f"RECORD lists {path!r} twice.")
                rows[path] = (digest, size)
        except (InvalidRecordEntry, ValueError) as error:
            raise self._refuse(f"RECORD cannot be read: {error}.") from None
        return rows

    def _check_record(self, rows: Mapping[str, tuple[str, str]]) -> tuple[WheelFile, ...]:
        unlisted = {f"{self.dist_info}/{name}" for name in ("RECORD", *_SIGNATURES)}
        files, issues = [], []
        for path, info in self._infos.items():
            if path in unlisted:
                continue
            try:
                sha256 = self._sha256(info, rows.get(path))
            except ValueError as error:
                issues.append(f"{path!r} {error}.")
                continue
            mode = info.external_attr >> 16
            files.append(WheelFile(path, info.file_size, sha256, bool(mode & 0o111)))
        for path in rows:
            # PEP 376 lets RECORD list byte code that an installer would write.
            if path not in self._infos and not path.endswith(("/", ".pyc")):
                issues.append(f"{path!r} is in RECORD and not in the zip file.")
        if issues:
            raise self._refuse(*issues)
        return tuple(files)

    def _sha256(self, info: zipfile.ZipInfo, row: Optional[tuple[str, str]]) -> str:
        """The hex sha256 of a file by its row of RECORD; ValueError where they disagree."""
        if row is None:
            raise ValueError("is not in RECORD")
        algorithm, _, encoded = row[0].partition("=")
        if algorithm not in _ALGORITHMS:
            raise ValueError(f"has the hash {row[0]!r} in RECORD, want one of {', '.join(_ALGORITHMS)}")
        if row[1] and row[1] != str(info.file_size):  # The size may be left empty ("Recording installed projects").
            raise ValueError(f"has {info.file_size} bytes, and {row[1]} in RECORD")
        try:
            digest = base64.b64decode(encoded + "=" * (-len(encoded) % 4), b"-_", validate=True).hex()
        except (binascii.Error, ValueError):
            digest = ""
        if len(digest) != 2 * hashlib.new(algorithm).digest_size:
            raise ValueError(f"has the broken hash {row[0]!r} in RECORD")
        return digest if algorithm == "sha256" else self._rehash(info.filename, algorithm, digest)

    def _rehash(self, path: str, algorithm: str, expected: str) -> str:
        # Rare: layers and records speak SHA-256 only, so such a file is read once more.
        theirs, ours = hashlib.new(algorithm), hashlib.sha256()
        with self.open(path) as stream:
            for chunk in iter_chunks(stream):
                theirs.update(chunk)
                ours.update(chunk)
        if theirs.hexdigest() != expected:
            raise ValueError(f"has {algorithm} {theirs.hexdigest()}, and {expected} in RECORD")
        return ours.hexdigest()

    def _check_metadata(self) -> None:
        from installer.utils import parse_metadata_file

        if not self.has(f"{self.dist_info}/METADATA"):
            raise self._refuse(f"it holds no {self.dist_info}/METADATA.")
        version = parse_metadata_file(self.read_metadata("WHEEL"))["Wheel-Version"]
        if not version or not version.startswith("1."):
            raise self._refuse(f"Wheel-Version {version!r} is not 1.x.")
        if is_zero(self.version) and self._is_hollow():
            raise self._refuse("it is a placeholder: none of its files has content, and it requires nothing.")

    def _is_hollow(self) -> bool:
        from installer.utils import parse_metadata_file

        own = self.dist_info + "/"
        if any(file.size for file in self.files if not file.path.startswith(own)):
            return False
        return not parse_metadata_file(self.read_metadata("METADATA")).get_all("Requires-Dist")


def data_issue(names: Iterable[str]) -> str:
    """Return what is wrong with a wheel's folder of files for other places, by the names at its top; "" for nothing.

    The name is that of the `.dist-info` folder (PEP 427). Of another spelling pip takes it for one, and others for
    a package.
    """
    found = set(names)
    infos = [name for name in found if name.endswith(".dist-info")]
    expected = {name[: -len(".dist-info")] + ".data" for name in infos}
    strange = sorted(name for name in found - expected if name.endswith(".data")) if len(infos) == 1 else []
    return f"it has a folder {strange[0]!r}, want {min(expected)!r}." if strange else ""


@contextmanager
def open_wheel(path: Path, title: str, name: str, version: str) -> Iterator[Wheel]:
    """Open the wheel of package `name` and `version` at `path`; `title` is its file name.

    Only the zip's directory and the metadata are read here. Raises ModelkilnError that lists
    everything that is wrong with the wheel.
    """
    with path.open("rb") as stream:
        try:
            archive = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError) as error:
            raise _damaged(title, error) from None
        yield Wheel(archive, stream, title, name, version)


def _issue_of(info: zipfile.ZipInfo) -> str:
    """What is wrong with a zip entry, or ""."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    folder = info.filename.endswith("/")
    try:
        check_path(info.filename[:-1] if folder else info.filename, "")
    except ModelkilnError:
        return "is not a clean relative path"
    if info.orig_filename != info.filename or re.search("[\0-\x1f\x7f]", info.filename):
        return "has control characters in its name"
    if kind not in (0, stat.S_IFDIR if folder else stat.S_IFREG):
        return "is a link, a device or something else that is not a file"
    if info.flag_bits & 0x1:
        return "is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"is compressed by method {info.compress_type}, which is neither stored nor deflated"
    if folder and info.file_size:
        return "is a folder with content"
    return ""


class _Member:
    """A file inside a wheel, whose damage is reported as a ModelkilnError."""

    def __init__(self, stream: ZipMember, where: str) -> None:
        self._stream, self._where = stream, where

    def read(self, size: int = -1) -> bytes:
        try:
            return self._stream.read(size)
        except _ZIP_ERRORS as error:
            raise _damaged(self._where, error) from None

    def __enter__(self) -> "_Member":
        return self

    def __exit__(self, *_: object) -> None:
        pass


def _damaged(where: str, error: BaseException) -> ModelkilnError:
    return ModelkilnError(f"{where}: the zip file is damaged ({error}). Remove it from its index, or lock another.")
