"""The store: a content-addressed directory of blobs on this machine.

A blob lies at `sha256/<first 2 hex>/<hex>`, or its name there is a link to the file in a folder of
lazy weights (`modelkiln.runtime.weights.view`). It is written to a temporary file of the same
file system, hashed on the way, synced and renamed, so that a name in the store is either absent
or whole, also after a crash or between concurrent writers.
"""

import errno
import hashlib
import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Callable, Iterator, Optional

from modelkiln.digest import hex_of, iter_chunks, sha256_stream
from modelkiln.errors import ModelkilnError
from modelkiln.store.users import register

__all__ = ["BLOBS", "VIEWS", "BlobWriter", "Store", "blob_path", "sync_content", "sync_folder"]

# Below a store's root, the folder of all blobs, and that of lazy weights as packages see them.
BLOBS, VIEWS = "sha256", "views"

# What a disk says when it cannot take a blob; other OSErrors are about what was being read.
_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG})


def blob_path(digest: str) -> str:
    """Return where the blob of `digest` lies, below a store's root."""
    hex_digits = hex_of(digest)
    return f"{BLOBS}/{hex_digits[:2]}/{hex_digits}"


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
        self._folder = f"{self.root}/"

    def path(self, digest: str) -> Path:
        """Where the blob of `digest` lies, or would."""
        return Path(self._name(digest))

    def _name(self, digest: str) -> str:
        return self._folder + blob_path(digest)

    def holder(self, digest: str) -> str:
        """The file with a blob's bytes: the blob, or the file in a view that its name is a link to."""
        name = self._name(digest)
        real = os.path.realpath(name)
        return real if real.startswith(os.path.realpath(self.root / VIEWS) + os.sep) else name

    def has(self, digest: str, size: Optional[int] = None) -> bool:
        """Whether the blob is here, with `size` bytes when given.

        A blob of another size is damaged: it is quarantined (see `quarantine`) and counts as absent.
        One that is here stays as long as this process lives, also when the store is cleaned.
        """
        # Text and not a Path, which would take most of the time: a lock may ask for 10,000 files.
        path = self._name(digest)
        try:
            found = os.stat(path)
        except FileNotFoundError:
            return False
        if size is not None and found.st_size != size:
            self.quarantine(digest)
            return False
        user = register(self.root)
        return found.st_mtime_ns >= user.since_ns or user.touch(path)

    def holds(self, digest: str) -> bool:
        """Whether the blob is here, and whole: as `has`, and it is read to its end."""
        # It counts as used before it is read, so that nobody cleans it away meanwhile.
        return self.has(digest) and self.verify(digest)

    def open(self, digest: str) -> BinaryIO:
        """Open a blob for reading; raises ModelkilnError when it is missing."""
        self.has(digest)
        try:
            return self.path(digest).open("rb")
        except FileNotFoundError:
            raise ModelkilnError(f"store {self.root}: blob {digest} is missing.") from None

    def temporary_location(self, kind: str) -> tuple[Path, str]:
        """Return a folder of the store for temporary things of a `kind`, and what begins their names.

        Those of a process that died are removed when the store is cleaned.
        """
        folder = self.root / kind
        folder.mkdir(parents=True, exist_ok=True)
        return folder, f"{register(self.root).token}-"

    @contextmanager
    def temporary_folder(self) -> Iterator[Path]:
        """A new empty folder on the store's file system, by its absolute path: gone with all in it when the block ends.

        So that what the store has can be linked there, and what is made there can move in.
        """
        incoming, prefix = self.temporary_location("incoming")
        with tempfile.TemporaryDirectory(dir=incoming, prefix=prefix) as folder:
            yield Path(folder).absolute()

    @contextmanager
    def writer(self, expected: Optional[str] = None) -> Iterator[BlobWriter]:
        """A writer whose bytes become a blob when the block ends without an error.

        With `expected`, bytes of another digest are refused (ModelkilnError). On any error, and
        when the process is killed, the store is as it was before, but for a temporary file after
        a kill.
        """
        incoming, prefix = self.temporary_location("incoming")
        descriptor, name = tempfile.mkstemp(dir=incoming, prefix=prefix)
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
            self.adopt(name, blob.digest)
        except BaseException as error:
            Path(name).unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
                raise self.disk_error(error, "Nothing was kept; repair the disk and build again.") from error
            raise

    def disk_error(self, error: OSError, remedy: str) -> ModelkilnError:
        """Return what to raise when a blob could not be written."""
        reason = os.strerror(error.errno) if error.errno else str(error)
        return ModelkilnError(f"store {self.root}: {reason} while a blob was written. {remedy}")

    def adopt(self, name: str, digest: str) -> None:
        """Make the file `name`, whose bytes have `digest` and are on the disk, that blob; it moves."""
        os.chmod(name, 0o444)
        self.name_blob(name, digest)
        sync_folder(self.path(digest).parent)

    def name_blob(self, name: str, digest: str) -> None:
        """As `adopt` of a file that this process made, of mode 0444, whose bytes and name `sync_all` syncs."""
        target = self._name(digest)
        with register(self.root).uncleaned():
            # As young as this process, see `has`, and as the last use of an equal one: it may have waited, or be of an
            # earlier process's download.
            os.utime(name)
            try:
                os.replace(name, target)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(target), exist_ok=True)
                os.replace(name, target)

    def sync_all(self) -> None:
        """Put all that was written to the store's file system on its disk: one call for many files."""
        import ctypes  # Most processes of a build store one blob and need not pay for it.

        folder = os.open(self.root, os.O_RDONLY)
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if not hasattr(libc, "syncfs"):  # That of macOS: all file systems, then.
                os.sync()
            elif libc.syncfs(folder) != 0:  # syncfs(2)
                number = ctypes.get_errno()
                raise self.disk_error(OSError(number, os.strerror(number)), "Repair the disk and try again.")
        finally:
            os.close(folder)

    def move_in(self, path: Path, expected: str) -> None:
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
        self.adopt(str(path), digest)

    def add_bytes(self, data: bytes) -> str:
        """Store `data` and return its digest."""
        with self.writer() as blob:
            blob.write(data)
        return blob.digest

    def verify(self, digest: str, report: Callable[[int], None] = lambda size: None) -> bool:
        """Read a blob to its end; a damaged one is quarantined. False when it is not here, whole.

        It does not count as a use. `report` gets the bytes of each piece that was read.
        """
        try:
            stream = self.path(digest).open("rb")
        except FileNotFoundError:
            return False
        with stream:
            hasher = hashlib.sha256()
            for chunk in iter_chunks(stream):
                hasher.update(chunk)
                report(len(chunk))
        actual = f"sha256:{hasher.hexdigest()}"
        if actual != digest:
            self.quarantine(digest)
        return actual == digest

    def quarantine(self, digest: str) -> Path:
        """Move a damaged blob to `corrupt/`, where it can be looked at, and return its new path."""
        folder = self.root / "corrupt"
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / hex_of(digest)
        # Another process may have found the damage at the same time, and moved it.
        path = self.path(digest)
        with suppress(FileNotFoundError):
            os.replace(self.holder(digest), target)
            if path.is_symlink():
                path.unlink()
        return target


# What puts the bytes of an open file on the disk; macOS has but the call for bytes and times.
sync_content = getattr(os, "fdatasync", os.fsync)


def sync_folder(folder: Path) -> None:
    """Put the names in `folder` on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
