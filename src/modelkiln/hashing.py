"""Several digests of one stream, each computed in a thread of its own.

hashlib lets other threads run while it works on more than 2 KiB (its documentation, "Hash
Objects"), so that a second digest of the same bytes costs no time where there is a second core.
"""

import hashlib
import queue
import threading
from typing import Optional, Protocol, Sequence

__all__ = ["Hasher", "ParallelHashes"]

# Pieces that wait for a slow thread: few, since each is held in memory.
_WAITING = 3


class Hasher(Protocol):
    """What takes bytes."""

    def update(self, data: bytes) -> None:
        """Take more bytes."""


class ParallelHashes:
    """sha256 of the bytes that `update` gets. more: what else takes them.

    Use it as a context: its threads end with it.
    """

    def __init__(self, more: Sequence[Hasher] = ()) -> None:
        self._hasher, self._more = hashlib.sha256(), more
        self._queues: list[queue.Queue[Optional[bytes]]] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "ParallelHashes":
        for hasher in (self._hasher, *self._more):
            waiting: queue.Queue[Optional[bytes]] = queue.Queue(_WAITING)
            thread = threading.Thread(target=_work, args=(hasher, waiting), daemon=True)
            self._queues.append(waiting)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._end()

    def update(self, data: bytes) -> None:
        """Take more bytes, which must not change afterwards."""
        for waiting in self._queues:
            waiting.put(data)

    def _end(self) -> None:
        for waiting in self._queues:
            waiting.put(None)
        for thread in self._threads:
            thread.join()
        self._queues, self._threads = [], []

    def sha256(self) -> str:
        """Return the digest as hex, when all have taken all bytes. No more may be taken."""
        self._end()
        return self._hasher.hexdigest()


def _work(hasher: Hasher, waiting: queue.Queue) -> None:
    while True:
        data = waiting.get()
        if data is None:
            return
        hasher.update(data)
