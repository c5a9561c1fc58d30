"""Unpacks an image's layers into a folder, as a container runtime does.

OCI image-spec 1.1, layer.md: later layers overlay earlier ones, `.wh.NAME` removes NAME of the
layers below, `.wh..wh..opq` all that those have in its folder. Owners and set-id bits are not
kept: the root is run by one unprivileged user, see `sandbox`. Layers may come from others, so
every name is resolved inside the root and what could lead out of it is refused.
"""

import errno
import os
import shutil
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Callable, Collection, Iterable, Mapping, Optional, Sequence

from modelkiln.archives.decompression import HashingReader, damage_errors, decompressed
from modelkiln.archives.tar import check_link
from modelkiln.archives.tar_reader import open_tar
from modelkiln.conventions import OPAQUE_WHITEOUT
from modelkiln.descriptor import Descriptor
from modelkiln.digest import CHUNK, iter_chunks
from modelkiln.errors import ModelkilnError
from modelkiln.smoke.root_paths import follow
from modelkiln.store.files import StoredFile, data_files

__all__ = ["RootLayer", "unpack"]

_WHITEOUT = ".wh."


@dataclass(frozen=True)
class RootLayer:
    """A layer to unpack: what its manifest and config say of it, and how its blob is opened.

    files: gives path -> file of a layer whose files lie elsewhere and were verified there, so that
    they are linked and not read; None from it for another layer.
    """

    descriptor: Descriptor
    diff_id: str
    open: Callable[[], BinaryIO]
    files: Callable[[], Optional[Mapping[str, StoredFile]]] = lambda: None


def unpack(layers: Sequence[RootLayer], root: Path, can_mount: bool = False) -> dict[str, Path]:
    """Unpack `layers`, lowest first, into `root`, an empty folder.

    Returns what has to be mounted over files of it, path in the root -> file of this machine: external data of
    ONNX models, which may not have a second name there, and are not copied where the caller `can_mount`.
    Raises ModelkilnError for an entry that is refused and for a blob that is not what its descriptor and
    diff ID say. `root` is then unfit for use and the caller's to remove.
    """
    stored = [layer.files() for layer in layers]
    data = data_files({path: file for files in stored for path, file in (files or {}).items()})
    mounts: dict[str, Path] = {}
    for layer, files in zip(layers, stored):
        where = f"layer {layer.descriptor.digest}"
        if files is not None:
            mounts.update(_link_files(files, Path(os.path.abspath(root)), where, data, can_mount))
            continue
        with layer.open() as file:
            blob = HashingReader(file)
            content = HashingReader(decompressed(blob, layer.descriptor.media_type, where))
            try:
                _unpack_one(content, Path(os.path.abspath(root)), where)
                for source in (content, blob):
                    for _ in iter_chunks(source):
                        pass
            except damage_errors() as error:
                raise ModelkilnError(f"{where}: damaged: {error}. Build or fetch it again.") from error
        found, wanted = (blob.digest, blob.size), (layer.descriptor.digest, layer.descriptor.size)
        if found != wanted:
            raise ModelkilnError(f"{where}: got digest and size {found}, want {wanted}. The blob is damaged.")
        if content.digest != layer.diff_id:
            raise ModelkilnError(f"{where}: got diff ID {content.digest}, want {layer.diff_id} of the image's config.")
    return mounts


def _link_files(
    files: Mapping[str, StoredFile], root: Path, where: str, data: Collection[str], can_mount: bool
) -> dict[str, Path]:
    mounts = {}
    for name, file in sorted(files.items()):
        parts = _parts(name, where)
        target = _resolve(root, parts[:-1], where) / parts[-1]
        _remove(target)
        if name not in data:
            file.put(target)
        elif file.hold(target, can_mount):
            mounts[f"/{target.relative_to(root).as_posix()}"] = Path(os.path.realpath(file.blob))
    return mounts


def _unpack_one(content: HashingReader, root: Path, where: str) -> None:
    mine: set[Path] = set()  # What this layer has put there: its whiteouts spare it.
    with open_tar(content, "r|", CHUNK) as archive:
        for member in archive:
            parts = _parts(member.name, where)
            if not parts:
                continue  # "./", the root itself.
            folder = _resolve(root, parts[:-1], where)
            if parts[-1].startswith(_WHITEOUT):
                _remove_hidden(folder, parts[-1], mine, where)
                continue
            target = folder / parts[-1]
            _place(archive, member, target, root, where)
            mine.add(target)
            mine.update(target.parents)


def _parts(name: str, where: str) -> list[str]:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise ModelkilnError(f"{where}: entry {name!r} could write outside of the root. Refused.")
    return parts


def _resolve(root: Path, parts: Iterable[str], where: str) -> Path:
    """Return the folder `parts` with all links followed inside `root`, made where it is missing."""

    def visit(path: Path) -> None:
        if not path.is_dir():
            if path.exists():
                raise ModelkilnError(f"{where}: {path.relative_to(root)} is a file and not a folder. Refused.")
            _make_folder(path, 0o755)

    try:
        return follow(root, parts, visit)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise ModelkilnError(f"{where}: links at {error.filename.name!r} go in circles. Refused.") from None


def _make_folder(path: Path, mode: int) -> None:
    path.mkdir(exist_ok=True)
    path.chmod(mode | 0o700)  # Ours to fill and to remove; chmod, because mkdir obeys the umask.


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_hidden(folder: Path, name: str, mine: set[Path], where: str) -> None:
    if name == OPAQUE_WHITEOUT:
        hidden = list(folder.iterdir())
    elif name.startswith(_WHITEOUT * 2):
        return  # AUFS' own bookkeeping, which layer.md reserves.
    else:
        hidden = [folder / name[len(_WHITEOUT) :]]
        if hidden[0].name in ("", ".", "..") or name in (_WHITEOUT, _WHITEOUT + ".", _WHITEOUT + ".."):
            raise ModelkilnError(f"{where}: whiteout {name!r} names no file. Refused.")
    for path in hidden:
        if path not in mine:
            _remove(path)
        elif path.is_dir() and not path.is_symlink():
            _remove_hidden(path, OPAQUE_WHITEOUT, mine, where)


def _place(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, root: Path, where: str) -> None:
    mode = stat.S_IMODE(member.mode) & 0o777
    if member.isdir():
        if target.is_symlink() or not target.is_dir():
            _remove(target)
        _make_folder(target, mode)
        return
    linked = _linked(member, root, where) if member.islnk() else None
    if linked == target:
        return
    _remove(target)
    if member.isreg():
        content = archive.extractfile(member)
        with target.open("xb") as out:
            shutil.copyfileobj(content, out, CHUNK)
        target.chmod(mode | 0o400)
    elif member.issym():
        path = "/".join(_parts(member.name, where))
        os.symlink(check_link(path, member.linkname, where), target)
    elif linked is not None:
        os.link(linked, target, follow_symlinks=False)
    else:
        raise ModelkilnError(
            f"{where}: entry {member.name!r} is a device or another special file. Refused; "
            "use a base image without it."
        )


def _linked(member: tarfile.TarInfo, root: Path, where: str) -> Optional[Path]:
    parts = _parts(member.linkname.lstrip("/"), where)
    if parts:
        linked = _resolve(root, parts[:-1], where) / parts[-1]
        if linked.is_symlink() or linked.is_file():
            return linked
    raise ModelkilnError(f"{where}: hard link {member.name!r} to {member.linkname!r}, which is not there. Refused.")
