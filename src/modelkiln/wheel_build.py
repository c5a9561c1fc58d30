"""From an sdist to a wheel: built once, in a process without a network, from pinned inputs alone.

PyPA's pyproject-hooks calls the sdist's own build backend (PEP 517). The wheel is then written
anew, so that it is the same wherever it was built: entries sorted, times and modes normalised,
nothing compressed, for compressors differ from machine to machine.
"""

import base64
import csv
import hashlib
import io
import os
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from modelkiln.build_environment import BuildEnvironment
from modelkiln.digest import hex_of, sha256_stream
from modelkiln.errors import ModelkilnError
from modelkiln.sdist import BuildSystem, read_build_system, unpack_sdist
from modelkiln.sources.sdists import ensure_sdist
from modelkiln.store import Store
from modelkiln.wheel import Wheel, open_wheel

__all__ = ["BUILDER", "build_wheel", "rebuild_wheel"]

# The number rises whenever equal inputs give other bytes.
BUILDER = "sdist/1"

_DATE = (1980, 1, 1, 0, 0, 0)

Chooser = Callable[[Sequence[str]], Sequence[Mapping[str, Any]]]


def build_wheel(sdist: Mapping[str, Any], python: str, choose: Chooser, store: Store) -> dict[str, Any]:
    """Build the wheel of an sdist (name, version, filename, sha256) into `store`.

    python: "3.11". choose: from PEP 508 requirements to locked wheels that fulfil them. Returns
    name, version, filename, sha256 and requires of the wheel, "build", which is all that it can be
    built again from, and "is_isolated". Raises ModelkilnError for hostile sdists, missing build
    requirements, backends that fail, and wheels that are not pure Python.
    """
    title = f"{sdist['name']} {sdist['version']}, from {sdist['filename']}"
    archive = ensure_sdist(sdist, store)
    incoming, prefix = store.scratch("incoming")
    with tempfile.TemporaryDirectory(dir=incoming, prefix=prefix) as name:
        folder = Path(name).absolute()
        unpack_sdist(archive, sdist["filename"], folder / "src")
        system = read_build_system(folder / "src", title)
        environment = BuildEnvironment.make(title, folder, python, store)
        used, filename = _run_backend(environment, system, choose, store)
        made = environment.check_file(folder / "out" / os.path.basename(filename))
        _check_pure(made.name, title)
        with open_wheel(made, made.name, sdist["name"], sdist["version"]) as wheel:
            requires = _requires(wheel)
            _write_wheel(wheel, folder / "wheel")
        with (folder / "wheel").open("rb") as stream:
            digest, _ = sha256_stream(stream)
        store.take(folder / "wheel", digest)
    return {
        "name": sdist["name"],
        "version": sdist["version"],
        "filename": made.name,
        "sha256": hex_of(digest),
        "requires": requires,
        "build": {
            "builder": BUILDER,
            "python": python,
            "sdist": {key: sdist[key] for key in ("filename", "sha256")},
            "requirements": [_pinned(wheel) for wheel in used],
        },
        "is_isolated": environment.is_isolated,
    }


def _pinned(wheel: Mapping[str, Any]) -> dict[str, str]:
    return {key: wheel[key] for key in ("name", "version", "filename", "sha256")}


def _run_backend(
    environment: BuildEnvironment, system: BuildSystem, choose: Chooser, store: Store
) -> tuple[Sequence[Mapping[str, Any]], str]:
    """Have the wheel built into `out`; returns the wheels that were used, and its file name."""
    from pyproject_hooks import BackendUnavailable, HookMissing, UnsupportedOperation

    used = choose(system.requires)
    environment.install(used, store)
    backend = environment.backend(system)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # What a backend thinks of its sdist is for its authors.
            more = backend.get_requires_for_build_wheel()
            if more:
                used = choose([*system.requires, *more])
                environment.install(used, store)
            filename = backend.build_wheel(f"{environment.root}/out")
    except (BackendUnavailable, HookMissing, UnsupportedOperation) as error:
        reason = (str(error) or type(error).__name__).strip().splitlines()[-1]
        raise ModelkilnError(
            f"{environment.title}: its build backend {system.backend!r} cannot be used ({reason}). What it is built "
            f"with ({', '.join(system.requires) or 'nothing'}) is the sdist's to say: lock another version."
        ) from None
    return used, str(filename)


def _check_pure(filename: str, title: str) -> None:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        tags = parse_wheel_filename(filename)[3]
    except InvalidWheelFilename:
        raise ModelkilnError(f"{title}: its build backend made {filename!r}, which is no wheel's name.") from None
    if any(tag.platform != "any" or tag.abi != "none" for tag in tags):
        raise ModelkilnError(
            f"{title}: gives {filename}, which is for one platform: its code is compiled, or would be where a compiler "
            "is. Modelkiln builds pure Python alone, for no lock pins a compiler and what it links. Lock a version "
            "that has a wheel for the platform, or build one (with cibuildwheel, say) and name its folder in "
            "[modelkiln.resolve_find_links]."
        )


def _requires(wheel: Wheel) -> list[str]:
    from installer.utils import parse_metadata_file

    metadata = parse_metadata_file(wheel.read_metadata("METADATA"))
    return sorted(metadata.get_all("Requires-Dist") or [])


def _write_wheel(wheel: Wheel, path: Path) -> None:
    """Write `wheel` in its one normal form: files by path, and the `.dist-info` folder last (PEP 427)."""
    record = f"{wheel.dist_info}/RECORD"
    rows = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(wheel.files, key=lambda file: (file.path.startswith(f"{wheel.dist_info}/"), file.path)):
            with wheel.open(file.path) as stream:
                data = stream.read()
            if hashlib.sha256(data).hexdigest() != file.sha256:
                raise ModelkilnError(f"{wheel.title}: {file.path!r} is not what RECORD says. Refused.")
            _add(archive, file.path, data, file.executable)
            digest = base64.urlsafe_b64encode(bytes.fromhex(file.sha256)).decode().rstrip("=")
            rows.append((file.path, f"sha256={digest}", file.size))
        _add(archive, record, _record([*rows, (record, "", "")]), False)


def _record(rows: Sequence[tuple]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _add(archive: zipfile.ZipFile, path: str, data: bytes, executable: bool) -> None:
    info = zipfile.ZipInfo(path, _DATE)
    info.create_system = 3  # Unix, on every machine: its modes are in the upper half.
    info.external_attr = (0o100755 if executable else 0o100644) << 16
    archive.writestr(info, data)


def rebuild_wheel(wheel: Mapping[str, Any], store: Store) -> None:
    """Build a wheel again, from its "build", that `store` lacks; it must come out with the same sha256."""
    build = wheel["build"]
    if build.get("builder") != BUILDER:
        raise ModelkilnError(
            f"{wheel['filename']}: was built by {build.get('builder')!r}, and this engine has {BUILDER!r}. Package the "
            "target again."
        )
    sdist = {"name": wheel["name"], "version": wheel["version"], **build["sdist"]}
    made = build_wheel(sdist, build["python"], lambda requires: build["requirements"], store)
    if made["sha256"] != wheel["sha256"]:
        raise ModelkilnError(
            f"{wheel['filename']}: building it again gave sha256 {made['sha256']}, want {wheel['sha256']}. Its build "
            f"is not reproducible, or CPython {build['python']} of this machine differs. Lock a version with a wheel."
        )
