"""The PEX format: code, record, artifacts and wheels in one file that CPython runs.

What does not depend on a package's own files Pex writes, once for an environment (`pex_parts`). The rest is put next
to it here, from wheels as they are: nothing is resolved, installed or compressed again, so the file is a function of
its wheels, its sources and the version of Pex (which the tool lock pins), and is the same under every interpreter.
"""

import hashlib
import json
import os
import zlib
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Iterable, Mapping, Optional, Sequence

from modelkiln.digest import iter_chunks
from modelkiln.errors import ModelkilnError
from modelkiln.formats.pex_contents import DEPENDENCIES, MAIN, check_stored, list_sources, stored_files, weights_paths
from modelkiln.formats.pex_parts import HEAD, TEMPLATES, ZIP, build_head, complete
from modelkiln.formats.programs import store_program
from modelkiln.formats.zip_writer import Member, ZipWriter
from modelkiln.store.store import Store
from modelkiln.wheels.platforms import Target

__all__ = ["FILE_LIMIT", "ZIP_LIMIT", "build_pex", "store_pex"]

# Offsets in a zip file have 32 bits (PKWARE, APPNOTE.TXT, 4.3.12). Beyond them it needs ZIP64
# records, which zipimport reads only since 3.13 (its documentation, "Changed in version 3.13").
# The rest is room for Pex' own files.
ZIP_LIMIT = (1 << 32) - 1 - (64 << 20)
# So has their number 16 bits. Folders are entries, too, and Pex has 320 of its own.
FILE_LIMIT = (1 << 16) - 1 - 1000
_ZIP64_PYTHON = 13
_OTHERWISE = f"Package it as an image (formats=['oci']) or for Python 3.{_ZIP64_PYTHON}."


def build_pex(spec: Mapping[str, Any], sources: Path, store: Store, output: Path, parts: Optional[Path] = None) -> None:
    """Write a PEX to `output`, which is never half there.

    spec: {"wheels": [{"name", "version", "filename", "sha256"}], "python", "platform", "glibc",
    "entry_point": "module:function"}; wheels that the store lacks are fetched. sources: the tree
    that becomes the PEX's user code, whose modes and times do not matter. spec["weights"]: recipes
    of layers of weights, whose files are put next to it from the store. spec["provided"]: names of packages that
    wheels require and its host has. parts: what `build_head` wrote for this spec, where it was called. Raises
    ModelkilnError for sources that a PEX cannot carry and for one that is too large, or has too many files, to be
    imported.
    """
    partial = output.with_name(f"{output.name}.partial")
    try:
        _write(spec, sources, store, partial, parts, output.name)
        os.replace(partial, output)
    finally:
        partial.unlink(missing_ok=True)


def store_pex(
    spec: Mapping[str, Any], sources: Path, store: Store, name: str, parts: Optional[Path] = None
) -> tuple[str, int]:
    """Make the PEX that `build_pex` writes a blob of `store`; returns its digest and size in bytes.

    For one of gigabytes, which would be copied several times on its way through Pants. name: what
    messages call it.
    """
    with store.temporary_folder() as folder:
        made = folder / "package.pex"
        _write(spec, sources, store, made, parts, name)
        return store_program(made, store)


def _write(
    spec: Mapping[str, Any], sources: Path, store: Store, output: Path, parts: Optional[Path], title: str
) -> None:
    target = Target.from_json(spec)
    wheels = sorted(spec["wheels"], key=lambda wheel: wheel["filename"])
    files = {path: sources / path for path in list_sources(sources)}
    # Before anything is fetched.
    _check_count([*files, *weights_paths(spec.get("weights", ()))], wheels, target, title)
    with store.temporary_folder() as scratch:
        if parts is None:
            parts = scratch / "parts"
            build_head(spec, store, parts)
        _provide(wheels, target, store)
        stored = stored_files(spec.get("weights", ()), store, scratch / "weights")
        weights = {path: (file, sha256) for path, file, sha256 in stored}
        _check_size([*files.values(), *(file for file, _ in weights.values())], wheels, target, store, title)
        with output.open("wb") as stream:
            _assemble(stream, parts, {wheel["filename"]: _blob(wheel, store) for wheel in wheels}, weights, files)
        output.chmod(0o755)


def _blob(wheel: Mapping[str, str], store: Store) -> Path:
    return store.path(f"sha256:{wheel['sha256']}")


def _provide(wheels: Sequence[Mapping[str, str]], target: Target, store: Store) -> None:
    # They are there but where the parts are another machine's, which a remote cache held.
    if not all(store.holds(f"sha256:{wheel['sha256']}") for wheel in wheels):
        from modelkiln.builds.wheel import provide_wheels

        provide_wheels(wheels, target.python, store)


def _assemble(
    stream: BinaryIO,
    parts: Path,
    wheels: Mapping[str, Path],
    weights: Mapping[str, tuple[Path, str]],
    files: Mapping[str, Path],
) -> None:
    """Write head, wheels, weights and then all that an edit may change. weights: where they are, with their sha256."""
    known = json.loads((parts / ZIP).read_text("utf-8"))
    stream.write((parts / HEAD).read_bytes())
    writer = ZipWriter(stream, (Member(*fields) for fields in known["members"]))
    for name, path in wheels.items():
        writer.add_file(f"{DEPENDENCIES}/{name}", path, known["wheels"][name])
    sums = {}
    for name, (path, sha256) in sorted(weights.items()):
        sums[name] = _sums(path)
        check_stored(name, path, sha256, sums[name][0])
        writer.add_file(name, path, sums[name][1])
    sums.update((name, _sums(path)) for name, path in files.items())
    templates = json.loads((parts / TEMPLATES).read_text("utf-8"))
    written = complete(templates, ((sha256, name) for name, (sha256, _) in sums.items()))
    for name in sorted([*files, *written]):
        if name in written:
            writer.add(name, written[name], name == MAIN)
        else:
            writer.add_file(name, files[name], sums[name][1])
    writer.finish()


def _sums(path: Path) -> tuple[str, int]:
    """The sha256 (hex) and the CRC-32 of a file."""
    sha256, crc32 = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as stream:
        for chunk in iter_chunks(stream):
            sha256.update(chunk)
            crc32 = zlib.crc32(chunk, crc32)
    return sha256.hexdigest(), crc32


def _check_count(paths: Sequence[str], wheels: Sequence[Mapping[str, str]], target: Target, title: str) -> None:
    # A wheel is one file: it is unpacked when the PEX is started.
    folders = {parent for path in paths for parent in PurePosixPath(path).parents}
    count = len(paths) + len(folders) + len(wheels)
    if count > FILE_LIMIT and not _reads_zip64(target):
        raise ModelkilnError(
            f"{title}: would have {count} files and folders, and Python {target.python} imports no zip file of more "
            f"than {FILE_LIMIT} besides Pex' own. {_OTHERWISE}"
        )


def _reads_zip64(target: Target) -> bool:
    return int(target.python.split(".")[1]) >= _ZIP64_PYTHON


def _check_size(
    files: Iterable[Path],
    wheels: Sequence[Mapping[str, str]],
    target: Target,
    store: Store,
    title: str,
) -> None:
    paths = [*files, *(_blob(wheel, store) for wheel in wheels)]
    size = sum(path.stat().st_size for path in paths)
    if size > ZIP_LIMIT and not _reads_zip64(target):
        raise ModelkilnError(
            f"{title}: would have {size} bytes of wheels and files, and Python {target.python} imports "
            f"no zip file of more than {ZIP_LIMIT}. {_OTHERWISE}"
        )
