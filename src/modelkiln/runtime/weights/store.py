"""The folder that packages of one host share, where fetched model artifact files are kept.

`sha256/<2>/<hex>` are blobs, as in the store of builds, so that one folder can serve both. A name
there is either absent or whole. `incoming/` holds files that are being fetched. `views/<hex>` is
what an inference script gets as its `model`: links to blobs, by the names in the package.
"""

import fcntl
import json
import os
import time
from contextlib import suppress
from pathlib import Path

from modelkiln.runtime.errors import PackageError

__all__ = ["WeightsStore", "sha256_of", "store_root"]

_WAIT_SECONDS = 0.1
# Bytes read at once: enough that Python's overhead vanishes beside SHA-256.
_CHUNK = 1 << 20


def store_root():
    """Return the store's folder: MODELKILN_STORE, else `modelkiln` below the user's cache folder
    (XDG Base Directory Specification)."""
    named = os.environ.get("MODELKILN_STORE")
    if named:
        return Path(os.path.abspath(named))
    cache = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(cache) if cache else Path.home() / ".cache") / "modelkiln"
    except RuntimeError:
        raise PackageError("There is no home folder to keep weights in. Set MODELKILN_STORE to a folder.") from None


def sha256_of(path):
    """Return the sha256 (hex) of a file."""
    import hashlib  # Most starts of a package hash nothing.

    hasher = hashlib.sha256()
    with open(path, "rb") as stream:
        while True:
            chunk = stream.read(_CHUNK)
            if not chunk:
                return hasher.hexdigest()
            hasher.update(chunk)


class WeightsStore:
    """The store at `root`, a folder that is made when something is fetched into it."""

    def __init__(self, root):
        self.root = root

    def blob(self, sha256):
        """Where the blob of a sha256 (hex) lies, or would."""
        return self.root / "sha256" / sha256[:2] / sha256

    def incoming(self, name):
        """The path of a file in the folder of unfinished things, which is made when missing."""
        folder = self.root / "incoming"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return folder / name
        except OSError as error:
            raise self.unwritable(error) from None

    def unwritable(self, error):
        """The PackageError for a store that cannot be written, or has no room."""
        return PackageError(
            f"{self.root}: {error.strerror}, so that no weights can be fetched into this store. Set MODELKILN_STORE "
            "to a folder with room that can be written, or fill the store before it is mounted: run the package's "
            "`fetch` with MODELKILN_STORE set to it."
        )

    def adopt(self, path, sha256):
        """Make the whole and verified file at `path` the blob of `sha256`; it moves."""
        target = self.blob(sha256)
        os.chmod(path, 0o444)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)

    def set_aside(self, sha256):
        """Move a damaged blob to `corrupt/`, where it can be looked at."""
        folder = self.root / "corrupt"
        folder.mkdir(parents=True, exist_ok=True)
        os.replace(self.blob(sha256), folder / sha256)

    def lock(self, sha256, waiting=None):
        """Return the FileLock of a blob, held; `waiting(seconds)` is called while another holds it.

        The kernel drops a lock with the process that holds it, so that a dead one's is taken over.
        """
        return FileLock(self, self.incoming(f"{sha256}.lock"), waiting)

    def view(self, set_digest):
        """Where the folder of links for a set of files lies, or would."""
        return self.root / "views" / set_digest.partition(":")[2]

    def stamps(self, set_digest):
        """Return {path: [size, mtime in ns]} of the files of a view when they were last verified."""
        try:
            return json.loads(self.view(set_digest).with_suffix(".json").read_bytes())
        except (OSError, ValueError):
            return {}

    def write_view(self, lock, stamps):
        """Make or complete the view of a WeightsLock, and remember when its files were verified."""
        view = self.view(lock.set_digest)
        link_files(view, lock.files, lambda file: os.path.relpath(self.blob(file.sha256), (view / file.path).parent))
        temporary = view.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(stamps))
        os.replace(temporary, view.with_suffix(".json"))


def link_files(folder, files, target):
    """Make a symbolic link to `target(file)` for each of `files` in `folder`; links stay as they are."""
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.symlink(target(file), path)


class FileLock:
    """An exclusive lock (flock(2)) that is held until the `with` block ends."""

    def __init__(self, store, path, waiting):
        self._path = path
        started = time.monotonic()
        while True:
            try:
                self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            except OSError as error:
                raise store.unwritable(error) from None
            if self._try():
                return
            os.close(self._file)
            if waiting:
                waiting(time.monotonic() - started)
            time.sleep(_WAIT_SECONDS)

    def _try(self):
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        try:
            # The one who held it may have removed the file: then this locks nothing that others see.
            return os.fstat(self._file).st_ino == os.stat(self._path).st_ino
        except FileNotFoundError:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *error):
        try:
            os.unlink(self._path)
        finally:
            os.close(self._file)
