"""The store: a content-addressed directory of blobs on this machine.

A blob lies at `sha256/<first 2 hex>/<hex>`. It is written to a temporary file in the same
folder, hashed on the way, synced and renamed, so that a name in the store is either absent or
whole, also after a crash or between concurrent writers.
"""

import errno
import hashlib
import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Iterator, Optional

from modelkiln.digest import hex_of, sha256_stream
from modelkiln.errors import ModelkilnError

__all__ = ["BlobWriter", "Store"]

# What a disk says when it cannot take a blob; other OSErrors are about what was being read.
_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG})


class BlobWriter:
    """A write-only stream that counts and hashes; `digest` and `size` hold what was written."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hasher = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        """The digest of all bytes written so far."""
        return "sha256:" + self._hasher.hexdigest()

    def write(self, data: bytes) -> int:
        """Write `data` (bytes-like) and return its length."""
        self._stream.write(data)
        self._hasher.update(data)
        self.size += len(data)
        return len(data)


class Store:
    """Blobs by digest below `root`, a folder that is made when it is missing."""

    def __init__(self, root: os.PathLike) -> None:
        self.root = Path(root)

    def path(self, digest: str) -> Path:
        """Where the blob of `digest` lies, or would."""
        hex_digits = hex_of(digest)
        return self.root / "sha256" / hex_digits[:2] / hex_digits

    def has(self, digest: str, size: Optional[int] = None) -> bool:
        """Whether the blob is here, with `size` bytes when given.

        A blob of another size is damaged: it is set aside (see `set_aside`) and counts as absent.
        """
        try:
            found = self.path(digest).stat().st_size
        except FileNotFoundError:
            return False
        if size is not None and found != size:
            self.set_aside(digest)
            return False
        return True

    def open(self, digest: str) -> BinaryIO:
        """Open a blob for reading; raises ModelkilnError when it is missing."""
        try:
            return self.path(digest).open("rb")
        except FileNotFoundError:
            raise ModelkilnError(f"store {self.root}: blob {digest} is missing.") from None

    @contextmanager
    def writer(self, expected: Optional[str] = None) -> Iterator[BlobWriter]:
        """A writer whose bytes become a blob when the block ends without an error.

        With `expected`, bytes of another digest are refused (ModelkilnError). On any error, and
        when the process is killed, the store is as it was before, but for a temporary file after
        a kill.
        """
        incoming = self.root / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=incoming)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                blob = BlobWriter(stream)
                yield blob
                stream.flush()
                os.fsync(stream.fileno())
            if expected is not None and blob.digest != expected:
                raise ModelkilnError(
                    f"got a blob with digest {blob.digest}, want {expected}. "
                    "What was fetched or rebuilt is not what was pinned."
                )
            self._adopt(name, blob.digest)
        except BaseException as error:
            Path(name).unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
                raise ModelkilnError(
                    f"store {self.root}: {os.strerror(error.errno)} while a blob was written. "
                    "Nothing was kept; mend the disk and build again."
                ) from error
            raise

    def _adopt(self, name: str, digest: str) -> None:
        os.chmod(name, 0o444)
        target = self.path(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(name, target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def take(self, path: Path, expected: str) -> None:
        """Make the file at `path`, on the store's file system, the blob `expected`; it moves.

        A file with another digest is refused (ModelkilnError) and stays where it is.
        """
        with path.open("rb") as stream:
            digest, _ = sha256_stream(stream)
            os.fsync(stream.fileno())
        if digest != expected:
            raise ModelkilnError(
                f"{path.name}: got a file with digest {digest}, want {expected}. "
                "What was fetched is not what was pinned."
            )
        self._adopt(str(path), digest)

    def add_bytes(self, data: bytes) -> str:
        """Store `data` and return its digest."""
        with self.writer() as blob:
            blob.write(data)
        return blob.digest

    def verify(self, digest: str) -> bool:
        """Read a blob to its end; a damaged one is set aside. False when it is not here, whole."""
        if not self.has(digest):
            return False
        with self.open(digest) as stream:
            actual, _ = sha256_stream(stream)
        if actual != digest:
            self.set_aside(digest)
        return actual == digest

    def set_aside(self, digest: str) -> Path:
        """Move a damaged blob to `corrupt/`, where it can be looked at, and return its new path."""
        folder = self.root / "corrupt"
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / hex_of(digest)
        # Another process may have found the damage at the same time, and moved it.
        with suppress(FileNotFoundError):
            os.replace(self.path(digest), target)
        return target
