"""The text of a package's code, where it is at hand, and how it differs from another's."""

import difflib
import os
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Collection, Iterator, Optional

from modelkiln.conventions import CODE_FOLDER
from modelkiln.document import read_document
from modelkiln.report.archive import iter_files
from modelkiln.report.package import Package

__all__ = ["code_texts", "compare_texts"]

# Comparing lines takes time that grows with the square of their number; generated files have many.
_LARGEST = 1 << 20


def code_texts(package: Package, paths: Collection[str]) -> dict[str, bytes]:
    """Return the contents of code files by their paths in the record; of those that are not at hand, nothing.

    A registry's package is not read: that would take its layers.
    """
    if package.kind in ("pex", "wheel") and package.path is not None:
        if package.path.is_dir():
            return dict(_in_folder(package.path, paths))
        return _zipped(package, package.path, paths)
    blobs = package.open_blobs()
    if blobs is None:
        return {}
    found: dict[str, bytes] = {}
    for manifest in blobs.layout.manifests():
        for descriptor in manifest.blobs[1:]:
            layer = blobs.layer(descriptor)
            is_other = layer is not None and layer.kind != "code"
            if is_other or descriptor.size > 64 * _LARGEST or blobs.state(descriptor) == "missing":
                continue
            with blobs.open(descriptor) as stream:
                for path, size, read in iter_files(stream, descriptor.media_type, package.label):
                    name = path[len(CODE_FOLDER) + 1 :]
                    if path.startswith(f"{CODE_FOLDER}/") and name in paths and size <= _LARGEST:
                        found[name] = read()
    return found


def _in_folder(folder: Path, paths: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Files of a packed PEX. Somebody else may have written its record: nothing is read that a path or a link leads
    out to."""
    top = os.path.realpath(folder) + os.sep
    for path in paths:
        if os.path.realpath(folder / path) == os.path.join(top, path):
            with suppress(OSError, ValueError):
                yield path, read_document(folder / path, _LARGEST)


def _zipped(package: Package, archive_path: Path, paths: Collection[str]) -> dict[str, bytes]:
    with zipfile.ZipFile(archive_path) as archive:
        infos = {info.filename: info for info in archive.infolist() if info.file_size <= _LARGEST}
        # In a model's wheel, code lies in a folder of its import package.
        wheel = package.record.get("wheel") or {}
        places = ["", f"{wheel.get('import_name', '').replace('.', '/')}/_package/"]
        named = ((path, place + path) for path in paths for place in places)
        return {path: archive.read(place) for path, place in named if place in infos}


def compare_texts(path: str, before: Optional[bytes], after: Optional[bytes]) -> Optional[dict[str, Any]]:
    """Return {"added", "removed": numbers of lines, "lines": a unified diff}; None for what is not text."""
    try:
        old, new = ((data or b"").decode("utf-8").splitlines() for data in (before, after))
    except UnicodeDecodeError:
        return None
    lines = list(difflib.unified_diff(old, new, f"a/{path}", f"b/{path}", lineterm=""))
    added = sum(line.startswith("+") for line in lines[2:])
    return {"added": added, "removed": sum(line.startswith("-") for line in lines[2:]), "lines": lines}
