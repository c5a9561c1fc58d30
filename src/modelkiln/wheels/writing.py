"""Wheels in their one normal form, independent of the builder: entries sorted, times and modes normalised,
nothing compressed, for compressors differ from machine to machine."""

import base64
import csv
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Collection, Optional, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.wheels.wheel import Wheel

__all__ = ["read_file", "write_wheel"]

_DATE = (1980, 1, 1, 0, 0, 0)


def write_wheel(
    wheel: Wheel, path: Path, filename: Optional[str] = None, left_out: Collection[str] = frozenset()
) -> None:
    """Write `wheel` to `path`: files by path, and the `.dist-info` folder last (PEP 427).

    filename: what it is called, where its tags are not those of its own metadata. left_out: paths of files
    that it is written without. Raises ModelkilnError for a file that is not what RECORD says.
    """
    record = f"{wheel.dist_info}/RECORD"
    rows = []
    kept = (file for file in wheel.files if file.path not in left_out)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(kept, key=lambda file: (file.path.startswith(f"{wheel.dist_info}/"), file.path)):
            data = read_file(wheel, file.path, file.sha256)
            if filename and file.path == f"{wheel.dist_info}/WHEEL":
                data = _retagged(data, filename)
            _add(archive, file.path, data, file.executable)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            rows.append((file.path, f"sha256={digest}", len(data)))
        _add(archive, record, _record([*rows, (record, "", "")]), False)


def read_file(wheel: Wheel, path: str, sha256: str) -> bytes:
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


def _record(rows: Sequence[tuple]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _add(archive: zipfile.ZipFile, path: str, data: bytes, executable: bool) -> None:
    info = zipfile.ZipInfo(path, _DATE)
    info.create_system = 3  # Unix, on every machine: its modes are in the upper half.
    info.external_attr = (0o100755 if executable else 0o100644) << 16
    archive.writestr(info, data)
