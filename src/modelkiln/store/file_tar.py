"""Small files on their way into the store as one blob, a tar of them."""

import hashlib
import os
import queue
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Optional

from modelkiln.archives.tar import Entry, tar_end, tar_header, tar_padding
from modelkiln.descriptor import LAYER, Descriptor
from modelkiln.digest import CHUNK
from modelkiln.store.store import Store, sync_content

__all__ = ["FileTar"]

# Pieces that the thread which hashes and writes takes at once: large, since handing one over costs
# more than Python's other work on it; few wait, since each is held in memory.
_PIECE_BYTES = 4 << 20
_WAITING = 3
# Written bytes go on the disk in pieces of this size while more are read, as in `transfer`.
_SYNC_BYTES = 32 << 20
# On a full disk: bytes that are given back, for what `store.file_index` keeps of the others, in all and of each.
_ROOM, _ROOM_EACH = 128 << 10, 1 << 10


class FileTar:
    """A tar of `store` that grows by one entry after the other, hashed and written by a thread of its
    own. Nothing but `settle` may be called after `close`, and nothing after `settle` or `discard`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        folder, prefix = store.temporary_location("incoming")
        self._name = str(folder / f"{prefix}{os.urandom(8).hex()}")
        try:
            self._file = os.open(self._name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o444)
        except OSError as error:
            raise store.disk_error(error, "Make room or repair the disk, and try again.") from error
        self._pieces: list[bytes] = []
        self._held = self._size = self._written = self._unsynced = 0
        self._syncing = ThreadPoolExecutor(1)
        self._syncs: list[Future] = []
        self._files: list[tuple[str, int, int]] = []
        self.rows: list[tuple[str, str, int, int]] = []
        """Of each file that is in the store: sha256 (hex), the blob's digest, its first byte there, size."""
        self._hasher = hashlib.sha256()
        self._error: Optional[OSError] = None
        self._queue: queue.Queue[Optional[bytes]] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def add(self, entry: Entry, data: bytes = b"", sha256: str = "") -> None:
        """Add a folder, or a file with its content, whose sha256 (hex) the caller has computed.

        Raises ModelkilnError when the disk does not take it; `close` keeps what it took.
        """
        if self._error is not None:
            raise self._disk_error(self._error)
        self._append(tar_header(entry))
        if entry.kind == "file":
            self._files.append((sha256, self._size, len(data)))
            self._append(data)
            self._append(tar_padding(len(data)))
        if self._held >= _PIECE_BYTES:
            self._hand_over()

    def close(self) -> Descriptor:
        """Return what blob it becomes, as far as the disk took it: `settle` makes it one, and the disk
        may finish its work meanwhile.

        Raises ModelkilnError when the disk took none of its files.
        """
        try:
            self._append(tar_end())
            self._hand_over()
            self._end()
            if self._error is not None:
                self._cut(self._error)
        except OSError as error:
            self.discard()
            raise self._disk_error(error) from error
        self._syncs.append(self._syncing.submit(os.fsync, self._file))
        return Descriptor(LAYER, f"sha256:{self._hasher.hexdigest()}", self._size)

    def settle(self) -> None:
        """Make it a blob of the store, after `close`; `rows` lists afterwards what is in it.

        Raises ModelkilnError when the disk does not take it; the files that it took are a blob then.
        """
        digest = f"sha256:{self._hasher.hexdigest()}"
        try:
            for sync in self._syncs:
                sync.result()
            self._store.adopt(self._name, digest)
        except OSError as error:
            self.discard()
            raise self._store.disk_error(error, "Make room or repair the disk, and try again.") from error
        except BaseException:
            self.discard()
            raise
        self._syncing.shutdown()
        os.close(self._file)
        self.rows = [(sha256, digest, start, size) for sha256, start, size in self._files]
        if self._error is not None:
            raise self._disk_error(self._error)

    def discard(self) -> None:
        """Forget it."""
        self._end()
        self._syncing.shutdown()
        os.close(self._file)
        with suppress(FileNotFoundError):
            os.unlink(self._name)

    @property
    def is_empty(self) -> bool:
        """Whether no file was added."""
        return not self._files

    def _append(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        self._held += len(data)

    def _hand_over(self) -> None:
        self._queue.put(b"".join(self._pieces))
        self._pieces, self._held = [], 0

    def _work(self) -> None:
        while True:
            data = self._queue.get()
            if data is None:
                return
            if self._error is None:
                try:
                    self._take(data)
                except OSError as error:
                    self._error = error

    def _take(self, data: bytes) -> None:
        self._hasher.update(data)
        view = memoryview(data)
        while view:
            done = os.write(self._file, view)
            self._written += done
            self._unsynced += done
            view = view[done:]
        if self._unsynced >= _SYNC_BYTES and all(sync.done() for sync in self._syncs):
            self._unsynced = 0
            self._syncs.append(self._syncing.submit(sync_content, self._file))

    def _cut(self, error: OSError) -> None:
        """End the tar after the last file that the disk took, and leave some of the room that it took."""
        end = tar_end()
        ends = [start + size + len(tar_padding(size)) for _, start, size in self._files]
        ends = [at for n, at in enumerate(ends, 1) if at + len(end) + _ROOM + n * _ROOM_EACH <= self._written]
        if not ends:
            raise error
        self._files, self._size = self._files[: len(ends)], ends[-1] + len(end)
        os.ftruncate(self._file, ends[-1])
        os.pwrite(self._file, end, ends[-1])
        self._hasher = hashlib.sha256()
        for start in range(0, self._size, CHUNK):
            self._hasher.update(os.pread(self._file, min(CHUNK, self._size - start), start))

    def _end(self) -> None:
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _disk_error(self, error: OSError) -> Exception:
        return self._store.disk_error(error, "What was read is kept; make room and try again: it goes on there.")
