"""One file of a source becomes a blob of the store: read once, hashed on the way, resumable."""

import errno
import fcntl
import io
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Iterator, Optional, Sequence

from modelkiln.digest import CHUNK
from modelkiln.errors import ModelkilnError
from modelkiln.hashing import Hasher, ParallelHashes
from modelkiln.network.http import NETWORK_ERRORS, RETRY_WAITS, is_final
from modelkiln.pinned_file import PinnedFile, may_be_empty
from modelkiln.progress import Progress
from modelkiln.sources.source import Source, SourceFile
from modelkiln.store.store import Store, sync_content

__all__ = ["Transfer"]

# Written bytes are put on the disk in pieces of this size while more are read, so that little is
# left to wait for at the end.
_SYNC_BYTES = 64 << 20
_ZEROS = bytes(CHUNK)


@contextmanager
def _part(store: Store, key: str) -> Iterator["_Part"]:
    """The file that bytes are collected in, ours alone."""
    folder, prefix = store.temporary_location("partial" if key else "incoming")
    if not key:
        key = f"{prefix}{os.urandom(8).hex()}"
    path = folder / key
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)  # Another process may fetch the same file: wait for it.
        with suppress(FileNotFoundError):
            if os.stat(path).st_ino == os.fstat(file).st_ino:
                break
        os.close(file)  # It has become a blob, or was removed, meanwhile.
    part = _Part(path, file, folder.name == "partial")
    try:
        yield part
    except BaseException:
        if not part.is_kept:
            path.unlink(missing_ok=True)
        raise
    finally:
        part.close()


class _Part:
    """A file that grows at its end. size: of what it holds. is_kept: whether it outlives an error."""

    def __init__(self, path: Path, file: int, is_kept: bool) -> None:
        self.path, self.file, self.is_kept = path, file, is_kept
        self.size = os.fstat(file).st_size
        self._unsynced = 0
        self._syncing: Optional[Future] = None
        self._pool: Optional[ThreadPoolExecutor] = None

    def read(self, offset: int) -> bytes:
        return os.pread(self.file, min(CHUNK, self.size - offset), offset)

    def write(self, data: bytes) -> None:
        # A hole is as good as zeros, and takes no room on the disk.
        if data == (_ZEROS if len(data) == CHUNK else _ZEROS[: len(data)]):
            os.ftruncate(self.file, self.size + len(data))
        else:
            view = memoryview(data)
            while view:
                done = os.pwrite(self.file, view, self.size + len(data) - len(view))
                view = view[done:]
        self._grow(len(data))

    def copy(self, file: int, end: int) -> bytes:
        """Append the next bytes of a file of this machine that end before `end`, and return them as they are
        here: copied in the kernel they cost half of what reading and writing do. b"" for what has to be read
        and written: what the kernel does not copy, and holes, which `write` leaves."""
        size = min(CHUNK, end - self.size)
        try:
            if size <= 0 or os.lseek(file, self.size, os.SEEK_DATA) >= self.size + size:
                return b""
            copied = os.copy_file_range(file, self.file, size, self.size, self.size)
            data = os.pread(self.file, copied, self.size)
        except AttributeError:  # Not on this system.
            return b""
        except OSError:  # Of either file: reading and writing shows whose it is.
            return b""
        self._grow(len(data))
        return data

    def _grow(self, size: int) -> None:
        self.size += size
        self._unsynced += size
        if self._unsynced >= _SYNC_BYTES and (self._syncing is None or self._syncing.done()):
            self._unsynced = 0
            self._pool = self._pool or ThreadPoolExecutor(1)
            self._syncing = self._pool.submit(sync_content, self.file)

    def sync(self) -> None:
        if self._syncing is not None:
            self._syncing.result()
        os.fsync(self.file)

    def restart(self) -> None:
        os.ftruncate(self.file, 0)
        self.size = 0

    def drop(self) -> None:
        self.is_kept = False

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        os.close(self.file)


class Transfer:
    """One file's way from its source into the store. Errors begin with `where`."""

    def __init__(self, source: Source, file: SourceFile, store: Store, progress: Progress, where: str) -> None:
        self._source, self._file, self._store = source, file, store
        self._progress, self._where = progress, where

    def run(self, key: str = "", more: Sequence[Hasher] = ()) -> PinnedFile:
        """Read the file into the store, once; its size and sha256 are checked where they are given.

        key: a file name that stands for exactly these bytes, under which a part that was read before
        is kept and found again; "" where nothing names them. more: what else takes all bytes of the
        file, in order. Raises ModelkilnError for other bytes, and when the source cannot be read.
        """
        with _part(self._store, key) as part:
            return self._run(part, more)

    def _run(self, part: _Part, more: Sequence[Hasher]) -> PinnedFile:
        if self._file.size is not None and part.size > self._file.size:
            part.restart()
        with ParallelHashes(more) as hashes:
            self._resume(part, hashes)
            self._read_all(part, hashes)
            sha256 = hashes.sha256()
        self._check(part, sha256)
        try:
            part.sync()
            self._store.adopt(str(part.path), f"sha256:{sha256}")
        except OSError as error:
            raise self._disk_error(error, part) from error
        return PinnedFile(self._file.path, sha256, part.size)

    def _resume(self, part: _Part, hashes: ParallelHashes) -> None:
        offset = 0
        while offset < part.size:
            data = part.read(offset)
            hashes.update(data)
            offset += len(data)
        self._progress.skip(offset)

    def _read_all(self, part: _Part, hashes: ParallelHashes) -> None:
        """Read what `part` lacks; a cut connection is taken up again where it ended."""
        waits = iter(RETRY_WAITS)
        while True:
            before = part.size
            try:
                self._read_some(part, hashes)
                missing = 0 if self._file.size is None else self._file.size - part.size
                if missing <= 0 or self._source.place(self._file):
                    return
                problem: BaseException = EOFError(f"it ended after {part.size} of {self._file.size} bytes")
            except NETWORK_ERRORS as error:
                if is_final(error):
                    raise self._cut(part, error) from error
                problem = error
            if part.size > before:
                waits = iter(RETRY_WAITS)
            wait = next(waits, None)
            if wait is None:
                raise self._cut(part, problem) from problem
            time.sleep(wait)

    def _read_some(self, part: _Part, hashes: ParallelHashes) -> None:
        if self._file.size is not None and part.size >= self._file.size and part.size:
            return
        with self._source.open(self._file, part.size) as stream:
            while True:
                data = self._copy(stream, part) or self._read(stream, part)
                if not data:
                    return
                hashes.update(data)
                self._progress.add(len(data))

    def _copy(self, stream: BinaryIO, part: _Part) -> bytes:
        """As `_read`, in the kernel; b"" where that does not work."""
        if not isinstance(stream, io.FileIO) or self._file.size is None:
            return b""
        data = part.copy(stream.fileno(), self._file.size)
        if not data:
            stream.seek(part.size)
        return data

    def _read(self, stream: BinaryIO, part: _Part) -> bytes:
        """Append the next bytes to `part`, and return them; b"" at the end."""
        data = stream.read(CHUNK)
        if self._file.size is not None and part.size + len(data) > self._file.size:
            part.drop()
            raise ModelkilnError(
                f"{self._where}: the source gave more than the {self._file.size} bytes that it had listed. "
                "It changed while it was read: lock again."
            )
        try:
            part.write(data)
        except OSError as error:
            raise self._disk_error(error, part) from error
        return data

    def _check(self, part: _Part, sha256: str) -> None:
        wanted = self._file
        if wanted.size is not None and part.size != wanted.size:
            part.drop()
            raise ModelkilnError(
                f"{self._where}: got {part.size} bytes, want {wanted.size}. It was cut or changed while it was "
                "read: try again."
            )
        if wanted.sha256 and sha256 != wanted.sha256:
            part.drop()
            raise ModelkilnError(
                f"{self._where}: got bytes with sha256 {sha256}, want {wanted.sha256}. What the source serves is "
                "not what was pinned: find out why, and pin it with `pants lock` if it is right."
            )
        if not part.size and self._file.size is None and not may_be_empty(self._file.path):
            part.drop()
            raise ModelkilnError(f"{self._where}: is empty. Write the trained artifact there, or exclude it.")

    def _cut(self, part: _Part, error: BaseException) -> ModelkilnError:
        kept = " What was read is kept, and the next try goes on there." if part.is_kept and part.size else ""
        return ModelkilnError(
            f"{self._where}: {getattr(error, 'strerror', None) or error} after {part.size} bytes. Try again.{kept}"
        )

    def _disk_error(self, error: OSError, part: _Part) -> ModelkilnError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and part.is_kept:
            return self._store.disk_error(error, "What was read is kept; make room and try again: it goes on there.")
        return self._store.disk_error(error, "Repair the disk and try again.")
