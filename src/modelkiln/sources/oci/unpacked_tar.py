"""Files of a compressed tar, which can't be read in part: streamed once, kept in a file without a name."""

import io
import os
import tempfile
import threading
from typing import BinaryIO, Callable, Dict, List

from modelkiln.archives.decompression import HashingReader, damage_errors, decompressed
from modelkiln.archives.tar_reader import open_tar
from modelkiln.descriptor import COMPRESSED_LAYER
from modelkiln.digest import CHUNK, iter_chunks
from modelkiln.errors import ModelkilnError
from modelkiln.network.ranged_file import RangeReader
from modelkiln.sources.oci.tar_files import TarFile, tar_file

__all__ = ["Unpacked"]


class Unpacked:
    """One compressed tar: its files, of which those below `prefix` are kept, each to be opened.

    open_blob: opens the compressed bytes. digest: of them, which is checked. compression: "gzip"
    or "zstd". Nothing is fetched before it is asked for. For several threads.
    """

    def __init__(
        self, open_blob: Callable[[], BinaryIO], digest: str, compression: str, prefix: str, where: str
    ) -> None:
        if compression not in COMPRESSED_LAYER:
            raise ModelkilnError(f"{where}: compression {compression!r} is unknown. Write the lock again.")
        self._open_blob, self._digest, self._where, self._prefix = open_blob, digest, where, prefix
        self._media_type = COMPRESSED_LAYER[compression]
        self._lock = threading.Lock()
        self._spool: BinaryIO = tempfile.TemporaryFile()  # type: ignore[assignment]
        self._files: Dict[str, TarFile] = {}
        self._is_filled = False

    def files(self) -> List[TarFile]:
        """Return the files, in the tar's order; their offsets mean nothing outside of this object."""
        self._fill()
        return list(self._files.values())

    def open(self, name: str, offset: int = 0) -> BinaryIO:
        """Open a file by its name in the tar, from `offset` on."""
        self._fill()
        if name not in self._files:
            raise ModelkilnError(f"{self._where}: has no file {name!r}. Run `pants lock`.")
        file = self._files[name]
        begin, size = file.offset + offset, max(0, file.size - offset)
        return io.BufferedReader(RangeReader(lambda start, stop: self._part(begin + start, begin + stop), size), CHUNK)

    def _part(self, start: int, stop: int) -> BinaryIO:
        return io.BytesIO(os.pread(self._spool.fileno(), stop - start, start))

    def _fill(self) -> None:
        with self._lock:
            if self._is_filled:
                return
            self._spool.seek(0)
            self._spool.truncate()
            self._files.clear()
            with self._open_blob() as stream:
                blob = HashingReader(stream)
                try:
                    self._copy(decompressed(blob, self._media_type, self._where))
                except damage_errors() as error:
                    raise ModelkilnError(f"{self._where}: damaged ({error}). Have it pushed again.") from None
                for _ in iter_chunks(blob):  # type: ignore[arg-type]
                    pass
            if blob.digest != self._digest:
                raise ModelkilnError(
                    f"{self._where}: the registry sent {blob.digest}. It, or a proxy before it, is broken or lies."
                )
            self._spool.flush()
            self._is_filled = True

    def _copy(self, stream: BinaryIO) -> None:
        with open_tar(stream, "r|", CHUNK) as archive:
            for member in archive:
                file = tar_file(member, self._where)
                if file is None or not file.name.startswith(self._prefix):
                    continue
                self._files[file.name] = TarFile(file.name, self._spool.tell(), file.size, file.kind)
                content = archive.extractfile(member) if file.kind == "file" else None
                for chunk in iter_chunks(content) if content else ():  # type: ignore[arg-type]
                    self._spool.write(chunk)
        for _ in iter_chunks(stream):
            pass
