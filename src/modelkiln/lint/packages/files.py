"""The files of a package as far as rules look at them: those of a zip, and of an image's layers."""

import io
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Callable, Iterator, Optional, Sequence

from modelkiln.archives.decompression import compression_of, damage_errors, decompressed
from modelkiln.archives.tar_reader import open_tar
from modelkiln.conventions import OPAQUE_WHITEOUT
from modelkiln.descriptor import Descriptor
from modelkiln.digest import CHUNK
from modelkiln.errors import ModelkilnError
from modelkiln.image.blobs import Blobs

__all__ = ["LARGEST_READ", "PackageFile", "layer_files", "zip_files"]

# Of one file at most this is read at once, whatever the package says of its size.
LARGEST_READ = 64 << 20

# Of a compressed layer files up to this size are kept to be looked at; of larger ones only their names.
_MAX_KEPT = 64 << 20
_WHITEOUT = ".wh."


@dataclass(frozen=True)
class PackageFile:
    """path: in the package, without a slash before it. open: gives a seekable stream, None where that would take
    more than headers are worth."""

    path: str
    size: int
    open: Optional[Callable[[], BinaryIO]]

    def read(self, most: int = LARGEST_READ) -> bytes:
        """Return its first `most` bytes; nothing where it cannot be opened. Raises ModelkilnError for damaged ones."""
        if self.open is None:
            return b""
        damage: tuple[type[Exception], ...] = (zipfile.BadZipFile, *damage_errors())
        try:
            with self.open() as stream:
                return stream.read(most)
        except damage as error:
            raise ModelkilnError(f"{self.path}: damaged: {error}. Build or fetch the package again.") from error


def zip_files(path: Path) -> Iterator[PackageFile]:
    """List the files of a zip, such as a wheel or a PEX; raises ModelkilnError for what is none."""
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise ModelkilnError(f"{path}: is not a wheel or a PEX ({error}).") from None
    for member in archive.infolist():
        if not member.filename.endswith("/"):
            yield PackageFile(member.filename, member.file_size, partial(_open_member, archive, member, path))


def _open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> BinaryIO:
    try:
        return archive.open(member)  # type: ignore[return-value]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ModelkilnError(f"{path}: {member.filename} cannot be read ({error}).") from None


def layer_files(blobs: Blobs, layers: Sequence[Descriptor], wanted: Callable[[str], bool]) -> list[PackageFile]:
    """Return the files of an image's layers, lowest first, that are `wanted` by their paths."""
    found: dict[str, PackageFile] = {}
    for layer in layers:
        of_layer, hidden = _read_layer(blobs, layer, wanted)
        for name in hidden:
            for path in [path for path in found if path == name or path.startswith(name + "/")]:
                del found[path]
        found.update(of_layer)
    return [found[path] for path in sorted(found)]


def _read_layer(
    blobs: Blobs, layer: Descriptor, wanted: Callable[[str], bool]
) -> tuple[dict[str, PackageFile], list[str]]:
    where = f"{blobs.layout.path}: layer {layer.digest}"
    found: dict[str, PackageFile] = {}
    hidden: list[str] = []
    is_plain = compression_of(layer.media_type) == "none"
    with blobs.open(layer) as blob:
        try:
            stream = decompressed(blob, layer.media_type, where)
            with open_tar(stream, "r:" if is_plain else "r|", CHUNK) as archive:
                for member in archive:
                    path = "/".join(part for part in member.name.split("/") if part not in ("", "."))
                    folder, _, name = path.rpartition("/")
                    if name == OPAQUE_WHITEOUT:
                        hidden.append(folder)
                    elif name.startswith(_WHITEOUT):
                        hidden.append(f"{folder}/{name[len(_WHITEOUT):]}".lstrip("/"))
                    elif member.isreg() and wanted(path):
                        opening = partial(_window, blobs, layer, member) if is_plain else _kept(archive, member)
                        found[path] = PackageFile(path, member.size, opening)
        except damage_errors() as error:
            raise ModelkilnError(f"{where}: damaged: {error}. Build or fetch it again.") from error
    return found, hidden


def _window(blobs: Blobs, layer: Descriptor, member: tarfile.TarInfo) -> BinaryIO:
    return io.BufferedReader(_Window(blobs.open(layer), member.offset_data, member.size))  # type: ignore[return-value]


class _Window(io.RawIOBase):
    """A part of a seekable stream, which it closes."""

    def __init__(self, stream: BinaryIO, start: int, size: int) -> None:
        self._stream, self._start, self._size, self._position = stream, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, begin + offset)
        return self._position

    def readinto(self, buffer) -> int:
        self._stream.seek(self._start + self._position)
        data = self._stream.read(max(0, min(len(buffer), self._size - self._position)))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _kept(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Optional[Callable[[], BinaryIO]]:
    if member.size > _MAX_KEPT:
        return None
    content = archive.extractfile(member)
    data = content.read() if content else b""
    if member.size <= CHUNK:
        return partial(io.BytesIO, data)
    file = tempfile.TemporaryFile()  # It lives as long as what opens it.
    file.write(data)
    return partial(_again, file)


def _again(file: BinaryIO) -> BinaryIO:
    file.seek(0)
    return io.BytesIO(file.read())
