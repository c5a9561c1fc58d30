"""The PEX format: code, record, artifacts and wheels in one file that CPython runs.

The PEX is put together by Pex' own builder, from wheels as they are: nothing is resolved,
installed or compressed again, so the file is a function of its wheels, its sources and the
version of Pex (which the tool lock pins), and is the same under every interpreter.
"""

import io
import shutil
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Iterable, Iterator, Mapping, Sequence

from modelkiln.builds.wheel import provide_wheels
from modelkiln.digest import CHUNK
from modelkiln.errors import ModelkilnError
from modelkiln.formats.pex_contents import list_sources, stored_files, weights_paths
from modelkiln.formats.programs import place_program, store_program
from modelkiln.manifest.wheels import check_wheels, wheel_digest
from modelkiln.store.store import Store
from modelkiln.wheels.platforms import Target

__all__ = ["FILE_LIMIT", "ZIP_LIMIT", "build_pex", "store_pex"]

# Offsets in a zip file have 32 bits (PKWARE, APPNOTE.TXT, 4.3.12). Beyond them it needs ZIP64
# records, which zipimport reads only since 3.13 (its documentation, "Changed in version 3.13").
# Python's zipfile writes those from half of that on; Pex has it use all (pex/common.py,
# ZIP64_LIMIT), and every zipimport reads it. The rest is room for Pex' own files.
ZIP_LIMIT = (1 << 32) - 1 - (64 << 20)
# So has their number 16 bits. Folders are entries, too, and Pex has 320 of its own.
FILE_LIMIT = (1 << 16) - 1 - 1000
_ZIP64_PYTHON = 13
_OTHERWISE = f"Package it as an image (formats=['oci']) or for Python 3.{_ZIP64_PYTHON}."


def build_pex(spec: Mapping[str, Any], sources: Path, store: Store, output: Path) -> None:
    """Write a PEX to `output`.

    spec: {"wheels": [{"name", "version", "filename", "sha256"}], "python", "platform", "glibc",
    "entry_point": "module:function"}; wheels that the store lacks are fetched. sources: the tree
    that becomes the PEX's user code, whose modes and times do not matter. spec["weights"]: recipes
    of layers of weights, whose files are put next to it from the store. spec["provided"]: names of packages that
    wheels require and its host has. Raises ModelkilnError
    for sources that a PEX cannot carry and for one that is too large, or has too many files, to be imported.
    """
    with _built(spec, sources, store, output.name) as made:
        place_program(made, output)


def store_pex(spec: Mapping[str, Any], sources: Path, store: Store, name: str) -> tuple[str, int]:
    """Make the PEX that `build_pex` writes a blob of `store`; returns its digest and size in bytes.

    For one of gigabytes, which would be copied several times on its way through Pants. name: what
    messages call it.
    """
    with _built(spec, sources, store, name) as made:
        return store_program(made, store)


@contextmanager
def _built(spec: Mapping[str, Any], sources: Path, store: Store, name: str) -> Iterator[Path]:
    """The path of the PEX on the store's file system, until the block ends."""
    target = Target.from_json(spec)
    wheels = check_wheels(spec["wheels"])
    files = {path: sources.absolute() / path for path in list_sources(sources)}
    # Before anything is fetched.
    _check_count([*files, *weights_paths(spec.get("weights", ()))], wheels, target, name)
    provide_wheels(wheels, target.python, store)
    incoming, prefix = store.temporary_location("incoming")
    # On the store's file system, so that wheels are linked and not copied.
    with tempfile.TemporaryDirectory(dir=incoming, prefix=prefix) as folder:
        scratch = Path(folder).absolute()
        files.update(stored_files(spec.get("weights", ()), store, scratch / "weights"))
        _check_size(files.values(), wheels, target, store, name)
        _assemble(spec, target, wheels, files, store, scratch)
        _check_complete(scratch / "package.pex", list(files), wheels, name)
        yield scratch / "package.pex"


def _assemble(
    spec: Mapping[str, Any],
    target: Target,
    wheels: Sequence[Mapping[str, str]],
    files: Mapping[str, Path],
    store: Store,
    scratch: Path,
) -> None:
    # Pex, below it, takes as long to import as a small PEX to write.
    from modelkiln.formats.pex_builder import tidy_builder

    (scratch / "plain").mkdir()
    with tidy_builder(spec, target, wheels, store, scratch) as builder:
        for index, (path, file) in enumerate(sorted(files.items())):
            source = _plain(file, scratch / "plain" / str(index))
            builder.add_source(str(source), path)
        with _large_pieces():
            builder.build(str(scratch / "package.pex"), bytecode_compile=False, deterministic=True, compress=False)


@contextmanager
def _large_pieces() -> Iterator[None]:
    """Let Pex copy files in larger pieces than its 8 KiB, which cost a second for each GB."""
    before = io.DEFAULT_BUFFER_SIZE
    io.DEFAULT_BUFFER_SIZE = CHUNK  # type: ignore[misc]
    try:
        yield
    finally:
        io.DEFAULT_BUFFER_SIZE = before  # type: ignore[misc]


def _plain(source: Path, copy: Path) -> Path:
    # Pex takes over run bits, which depend on how the sources came here. Not changed in place:
    # in a sandbox the file may be a link to somebody else's.
    if not source.stat().st_mode & 0o111:
        return source
    shutil.copyfile(source, copy)
    copy.chmod(0o644)
    return copy


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
    paths = [*files, *(store.path(wheel_digest(wheel)) for wheel in wheels)]
    size = sum(path.stat().st_size for path in paths)
    if size > ZIP_LIMIT and not _reads_zip64(target):
        raise ModelkilnError(
            f"{title}: would have {size} bytes of wheels and files, and Python {target.python} imports "
            f"no zip file of more than {ZIP_LIMIT}. {_OTHERWISE}"
        )


def _check_complete(path: Path, files: Sequence[str], wheels: Sequence[Mapping[str, str]], title: str) -> None:
    with zipfile.ZipFile(path) as archive:
        held = set(archive.namelist())
    wanted = {*files, *(f".deps/{wheel['filename']}" for wheel in wheels)}
    if not wanted <= held:
        raise ModelkilnError(f"{title}: Pex left out {', '.join(sorted(wanted - held)[:10])}. Rename them.")
