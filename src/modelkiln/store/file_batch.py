"""Small files on their way into the store, many with one sync: to sync each would take hours."""

import itertools
import os
import threading
from pathlib import Path

from modelkiln.errors import ModelkilnError
from modelkiln.store.store import Store

__all__ = ["SMALL_BYTES", "SmallFiles"]

# Files of less than this many bytes are read in one piece and wait for a common sync.
SMALL_BYTES = 1 << 20
# What waits is lost when the process is killed, and is read again.
_MOST_WAITING = 4096


class SmallFiles:
    """Blobs that wait to be synced and named; `flush` does it. Threads may share one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        folder, prefix = store.temporary_location("incoming")
        self._start = str(folder / f"{prefix}{os.urandom(4).hex()}-")
        self._mutex, self._flushing = threading.Lock(), threading.Lock()
        self._waiting: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def add(self, data: bytes, sha256: str) -> None:
        """Take the content of one file, whose `sha256` (hex) the caller has computed."""
        with self._mutex:
            if sha256 in self._waiting:
                return
        name = f"{self._start}{next(self._numbers)}"
        try:
            # Unbuffered system calls: this is done ten thousand times.
            file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(file, view) :]
            finally:
                os.close(file)
        except OSError as error:
            Path(name).unlink(missing_ok=True)
            raise self._store.disk_error(error, "Make room or repair the disk, and try again.") from error
        with self._mutex:
            is_first = self._waiting.setdefault(sha256, name) == name
            is_full = len(self._waiting) >= _MOST_WAITING
        if not is_first:
            os.unlink(name)
        if is_full:
            self.flush()

    def flush(self) -> None:
        """Sync what waits, and make blobs of it. On an error the store is as it was before."""
        with self._flushing:
            with self._mutex:
                taken = dict(self._waiting)
            if not taken:
                return
            self._store.sync_all()
            try:
                for sha256, name in taken.items():
                    self._store.name_blob(name, f"sha256:{sha256}")
            except FileNotFoundError as error:
                raise ModelkilnError(f"store {self._store.root}: {error.filename}: was removed meanwhile.") from None
            with self._mutex:
                for sha256 in taken:
                    self._waiting.pop(sha256, None)
            self._store.sync_all()

    def discard(self) -> None:
        """Remove what waits."""
        with self._mutex:
            for name in self._waiting.values():
                Path(name).unlink(missing_ok=True)
            self._waiting.clear()
