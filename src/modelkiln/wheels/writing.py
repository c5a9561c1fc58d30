"""Wheels in their one normal form, independent of the builder: entries sorted, times and modes normalised,
nothing compressed, for compressors differ from machine to machine."""

import base64
import csv
import hashlib
import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Collection, Optional

from modelkiln.digest import iter_chunks
from modelkiln.errors import ModelkilnError

if TYPE_CHECKING:
    from modelkiln.wheels.wheel import Wheel

__all__ = ["WheelWriter", "read_file", "write_wheel"]

_DATE = (1980, 1, 1, 0, 0, 0)


class WheelWriter:
    """Writes a wheel to `output`, a path or a stream, file by file, in the order that they are added; RECORD ends it.

    dist_info: the name of its `.dist-info` folder, whose files go last (PEP 427). Use it as a context manager.
    """

    def __init__(self, output: "Path | BinaryIO", dist_info: str) -> None:
        self._record = f"{dist_info}/RECORD"
        self._rows: list[tuple] = []
        self._archive = zipfile.ZipFile(output, "w", zipfile.ZIP_STORED)

    def __enter__(self) -> "WheelWriter":
        return self

    def __exit__(self, kind: Optional[type], *_: object) -> None:
        if kind is None:
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows([*self._rows, (self._record, "", "")])
            self._archive.writestr(_info(self._record, False), text.getvalue())
        self._archive.close()

    def add(self, path: str, data: bytes, executable: bool = False) -> None:
        """Add a file."""
        self._archive.writestr(_info(path, executable), data)
        self._note(path, hashlib.sha256(data).digest(), len(data))

    def add_stream(self, path: str, stream: BinaryIO, size: int) -> str:
        """Add a file of `size` bytes that need not fit into memory; returns its sha256 (hex)."""
        info, hasher, found = _info(path, False), hashlib.sha256(), 0
        info.file_size = size  # zipfile decides by it whether offsets need 64 bits.
        with self._archive.open(info, "w") as member:
            for chunk in iter_chunks(stream):
                hasher.update(chunk)
                found += len(chunk)
                member.write(chunk)
        self._note(path, hasher.digest(), found)
        return hasher.hexdigest()

    def _note(self, path: str, sha256: bytes, size: int) -> None:
        digest = base64.urlsafe_b64encode(sha256).decode().rstrip("=")
        self._rows.append((path, f"sha256={digest}", size))


def _info(path: str, executable: bool) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(path, _DATE)
    info.create_system = 3  # Unix, on every machine: its modes are in the upper half.
    info.external_attr = (0o100755 if executable else 0o100644) << 16
    return info


def write_wheel(
    wheel: "Wheel", path: Path, filename: Optional[str] = None, left_out: Collection[str] = frozenset()
) -> None:
    """Write `wheel` to `path`: files by path, and the `.dist-info` folder last (PEP 427).

    filename: what it is called, where its tags are not those of its own metadata. left_out: paths of files
    that it is written without. Raises ModelkilnError for a file that is not what RECORD says.
    """
    kept = (file for file in wheel.files if file.path not in left_out)
    with WheelWriter(path, wheel.dist_info) as writer:
        for file in sorted(kept, key=lambda file: (file.path.startswith(f"{wheel.dist_info}/"), file.path)):
            data = read_file(wheel, file.path, file.sha256)
            if filename and file.path == f"{wheel.dist_info}/WHEEL":
                data = _retagged(data, filename)
            writer.add(file.path, data, file.executable)


def read_file(wheel: "Wheel", path: str, sha256: str) -> bytes:
    """Return the bytes of a wheel's file; raises ModelkilnError where they have another sha256 (hex)."""
    with wheel.open(path) as stream:
        data = stream.read()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ModelkilnError(f"{wheel.title}: {path!r} is not what RECORD says. Refused.")
    return data


def _retagged(data: bytes, filename: str) -> bytes:
    """The file WHEEL with the tags of a file name."""
    from packaging.utils import parse_wheel_filename

    lines = [line for line in data.decode("utf-8").splitlines() if line.strip() and not line.startswith("Tag:")]
    tags = sorted(str(tag) for tag in parse_wheel_filename(filename)[3])
    return "".join(f"{line}\n" for line in (*lines, *(f"Tag: {tag}" for tag in tags))).encode()
