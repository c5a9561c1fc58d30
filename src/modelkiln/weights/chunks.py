"""Digests of a large file's chunks, with which a part of it can be verified without the rest.

A lock has them as one text, `{"size": bytes of a chunk, "sha256": their hex digests in a row}`.
"""

import hashlib
import re
from typing import Any, BinaryIO, Mapping, Optional

from modelkiln.digest import iter_chunks
from modelkiln.errors import ModelkilnError

__all__ = ["CHUNK_BYTES", "ChunkDigests", "check_chunks", "chunk_list", "read_chunks"]

# What a tensor costs that is read alone is up to two of these more than its own bytes; a lock has 64
# hex digits for each, 80 kB for a file of 20 GB.
CHUNK_BYTES = 16 << 20
_DIGESTS = re.compile(r"(?:[0-9a-f]{64})+")


class ChunkDigests:
    """Hashes the chunks of a stream that `update` gets in pieces of any size."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._hasher, self._left = hashlib.sha256(), CHUNK_BYTES

    def update(self, data: bytes) -> None:
        """Take more bytes."""
        view = memoryview(data)
        while len(view) >= self._left:
            self._hasher.update(view[: self._left])
            view = view[self._left :]
            self._done.append(self._hasher.hexdigest())
            self._hasher, self._left = hashlib.sha256(), CHUNK_BYTES
        self._hasher.update(view)
        self._left -= len(view)

    def to_json(self) -> Optional[dict[str, Any]]:
        """Return what a lock has of all that was taken; None for a single chunk, which is the file."""
        last = [self._hasher.hexdigest()] if self._left < CHUNK_BYTES else []
        found = self._done + last
        return {"size": CHUNK_BYTES, "sha256": "".join(found)} if len(found) > 1 else None


def read_chunks(stream: BinaryIO) -> Optional[dict[str, Any]]:
    """Read a stream to its end and return what `ChunkDigests.to_json` returns for it."""
    digests = ChunkDigests()
    for data in iter_chunks(stream):
        digests.update(data)
    return digests.to_json()


def check_chunks(chunks: Mapping[str, Any], size: int, where: str) -> None:
    """Raise ModelkilnError for chunks that cannot be those of a file of `size` bytes."""
    of_one: Any = chunks.get("size")
    text: Any = chunks.get("sha256")
    is_sound = isinstance(of_one, int) and of_one > 0 and isinstance(text, str) and _DIGESTS.fullmatch(text)
    if not is_sound or len(text) != 64 * -(-size // of_one) or set(chunks) != {"size", "sha256"}:
        raise ModelkilnError(
            f"{where}: its `chunks` are not the digests of a file of {size} bytes. Restore the lock, or write it again "
            "with `pants lock`."
        )


def chunk_list(chunks: Mapping[str, Any]) -> dict[str, Any]:
    """Return chunks of a lock as the runtime reads them: with a list of digests."""
    text = chunks["sha256"]
    return {"size": chunks["size"], "sha256": [text[start : start + 64] for start in range(0, len(text), 64)]}
