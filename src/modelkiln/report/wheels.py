"""What the wheels of a package hold and require, read from wherever they are: the store, a PEX, or layers."""

import csv
import io
import zipfile
from contextlib import suppress
from dataclasses import dataclass, field
from email.parser import HeaderParser
from pathlib import Path
from typing import Any, Iterator, Mapping

from modelkiln.conventions import VENV
from modelkiln.ensemble.programs import wheels_by_environment
from modelkiln.formats.pex_contents import DEPENDENCIES
from modelkiln.manifest.wheels import wheel_digest
from modelkiln.package.imports import code_modules
from modelkiln.package.record import own_environment
from modelkiln.report.archive import iter_files
from modelkiln.report.inputs import recipe_inputs
from modelkiln.report.package import Package

__all__ = ["File", "WheelContents", "read_wheels"]

_LARGEST_METADATA = 64 << 20


@dataclass(frozen=True)
class File:
    """A file of a package. size: bytes as installed. packed: bytes in its archive, as far as that is known, else 0."""

    path: str
    size: int
    packed: int = 0


@dataclass(frozen=True)
class WheelContents:
    """files: by their paths in site-packages, scripts below "bin/". headers: of METADATA, lists by name in lower
    case; both empty where the wheel is nowhere."""

    name: str
    version: str
    size: int
    unpacked_size: int
    files: tuple[File, ...] = field(default=(), repr=False)
    headers: Mapping[str, list[str]] = field(default_factory=dict, repr=False)

    @property
    def modules(self) -> frozenset[str]:
        """Its modules and packages, see `code_modules`."""
        return code_modules(file.path for file in self.files if ".dist-info/" not in file.path)

    def first(self, *names: str) -> str:
        """Return the value of the first header that is there, in one line, or ""."""
        found = (value for name in names for value in self.headers.get(name, ()))
        return next((" ".join(value.split()) for value in found if value.strip()), "")


def read_wheels(package: Package, variant: Mapping[str, Any], environment: str = "") -> dict[str, WheelContents]:
    """Return the contents of the wheels that a variant's record lists of an environment, by name, in its order.

    environment: its path in an image; without it, the package's own.
    """
    environment = environment or own_environment(variant)
    listed = wheels_by_environment(variant)[environment]
    found = {wheel["name"]: _bare(wheel) for wheel in listed}
    missing = {}
    for wheel in listed:
        path = package.store.path(wheel_digest(wheel)) if package.store is not None else None
        if path is not None and path.is_file():
            with suppress(zipfile.BadZipFile), path.open("rb") as stream:
                found[wheel["name"]] = _zipped(wheel, stream)
        if not found[wheel["name"]].files:
            missing[wheel["filename"]] = wheel
    if missing and package.kind == "pex" and package.path is not None:
        found.update((one.name, one) for one in _in_pex(package.path, missing))
    elif missing:
        found.update((one.name, one) for one in _in_layers(package, missing.values(), environment))
    return found


def _bare(wheel: Mapping[str, Any], **more: Any) -> WheelContents:
    sizes = wheel.get("size", 0), wheel.get("unpacked_size", 0)
    return WheelContents(wheel["name"], wheel["version"], *sizes, **more)


def _zipped(wheel: Mapping[str, Any], stream: Any) -> WheelContents:
    with zipfile.ZipFile(stream) as archive:
        infos = [info for info in archive.infolist() if not info.filename.endswith("/")]
        files = tuple(File(_installed(info.filename), info.file_size, info.compress_size) for info in infos)
        metadata = [info for info in infos if info.filename.endswith(".dist-info/METADATA")]
        text = archive.read(metadata[0]) if metadata and metadata[0].file_size <= _LARGEST_METADATA else b""
    return _bare(wheel, files=files, headers=_headers(text))


def _installed(path: str) -> str:
    """Where a file of a wheel lies in site-packages; a script below "bin/", data of other kinds below their kind."""
    top, _, rest = path.partition("/")
    if not top.endswith(".data"):
        return path
    kind, _, inner = rest.partition("/")
    return inner if kind in ("purelib", "platlib") else f"bin/{inner}" if kind == "scripts" else rest


def _headers(text: bytes) -> dict[str, list[str]]:
    message = HeaderParser().parsestr(text.decode("utf-8", "replace"))
    found: dict[str, list[str]] = {}
    for name, value in message.items():
        found.setdefault(name.lower(), []).append(str(value))
    return found


def _in_pex(path: Path, missing: Mapping[str, Mapping[str, Any]]) -> Iterator[WheelContents]:
    """Of a PEX that has its wheels as they are."""
    if path.is_dir():
        for name, one in missing.items():
            file = path / DEPENDENCIES / name
            if "/" not in name and file.is_file():
                with file.open("rb") as stream:
                    yield _zipped(one, stream)
        return
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            wheel = missing.get(name.rpartition("/")[2])
            if wheel is not None and name.startswith(".deps/"):
                with archive.open(name) as stream:
                    yield _zipped(wheel, stream)


def _in_layers(package: Package, missing: Any, environment: str) -> Iterator[WheelContents]:
    """Of the layers that a layout has, by the RECORDs in them."""
    blobs = package.open_blobs()
    if blobs is None:
        return
    by_name = {wheel["name"]: wheel for wheel in missing}
    for layer in package.layers:
        inputs = recipe_inputs(layer)
        names = {one["name"] for one in inputs.get("wheels") or ()} & set(by_name)
        if (
            not names
            or inputs.get("venv", VENV) != environment
            or blobs.state(layer.descriptor) == "missing"
            or layer.kind != "wheels"
        ):
            continue
        sizes, described = {}, {}
        with blobs.open(layer.descriptor) as stream:
            for path, size, read in iter_files(stream, layer.descriptor.media_type, package.label):
                site, found, rest = path.partition("/site-packages/")
                sizes[rest if found else f"bin/{path.rpartition('/bin/')[2]}"] = size
                if found and rest.endswith((".dist-info/METADATA", ".dist-info/RECORD")) and size <= _LARGEST_METADATA:
                    described[rest] = read()
        yield from _by_records(by_name, sizes, described)


def _by_records(
    wheels: Mapping[str, Mapping[str, Any]], sizes: Mapping[str, int], described: Mapping[str, bytes]
) -> Iterator[WheelContents]:
    from packaging.utils import canonicalize_name

    for path, text in described.items():
        if not path.endswith("/METADATA"):
            continue
        headers = _headers(text)
        wheel = wheels.get(canonicalize_name((headers.get("name") or [""])[0]))
        record = described.get(path[: -len("METADATA")] + "RECORD")
        if wheel is None or record is None:
            continue
        rows = [row[0] for row in csv.reader(io.StringIO(record.decode("utf-8", "replace"))) if row]
        names = [f"bin/{row.rpartition('/')[2]}" if row.startswith("..") else row for row in rows]
        yield _bare(wheel, files=tuple(File(name, sizes[name]) for name in names if name in sizes), headers=headers)
