"""Files of layers, read one after the other."""

from pathlib import Path
from typing import BinaryIO, Callable, Collection, Iterator, Optional

from modelkiln.archives.decompression import damage_errors, decompressed
from modelkiln.archives.tar_reader import open_tar
from modelkiln.errors import ModelkilnError

__all__ = ["iter_files", "read_member"]

# Gives the bytes of a file, or None: asked for while the file is the current one.
_Read = Callable[[], bytes]


def iter_files(stream: BinaryIO, media_type: str, where: str) -> Iterator[tuple[str, int, _Read]]:
    """Yield path, size and a function that reads it, of each regular file in a layer.

    Raises ModelkilnError that names `where` for a layer that is damaged.
    """
    try:
        with open_tar(decompressed(stream, media_type, where), "r|") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                if content is not None:
                    yield member.name, member.size, content.read
    except damage_errors() as error:
        raise ModelkilnError(f"{where}: is damaged ({error}). Package the target again.") from None


def read_member(blob: Path, media_type: str, paths: Collection[str], where: str) -> Optional[bytes]:
    """Return the bytes of the first file at one of `paths` in a layer, or None."""
    with blob.open("rb") as stream:
        for path, _, read in iter_files(stream, media_type, where):
            if path in paths:
                return read()
    return None
