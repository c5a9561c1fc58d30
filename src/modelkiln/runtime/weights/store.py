"""The folder that packages of one host share, where fetched model artifact files are kept.

`sha256/<2>/<hex>` are blobs, as in the store of builds, so that one folder can serve both. A name
there is either absent or whole. `incoming/` holds files that are being fetched. `views/<hex>` is
what an inference script gets as its `model`: links to blobs, by the names in the package, and the
files that may not be links (`view`), to which the blob's name is a link in turn.
"""

import fcntl
import json
import os
import stat
import time
from contextlib import suppress
from pathlib import Path

from modelkiln.runtime.errors import PackageError
from modelkiln.runtime.weights.view import external_data, hold_file, is_held, link_file, own_folders

__all__ = ["STAMPED", "WeightsStore", "sha256_of", "stamp_of", "store_root"]

_WAIT_SECONDS = 0.1
# So many parts of a stamp are of the file itself, whatever its names.
STAMPED = 5
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
        blob = self.blob(sha256)
        os.replace(os.path.realpath(blob), folder / sha256)  # A view may hold it.
        if blob.is_symlink():
            blob.unlink()

    def lock(self, sha256, waiting=None):
        """Return the FileLock of a blob, held; `waiting(seconds)` is called while another holds it.

        The kernel drops a lock with the process that holds it, so that a dead one's is taken over.
        """
        return FileLock(self, self.incoming(f"{sha256}.lock"), waiting)

    def view(self, set_digest):
        """Where the folder for a set of files lies, or would."""
        return self.root / "views" / set_digest.partition(":")[2]

    def stamps(self, set_digest):
        """Return {path: stamp} of the files of a view when they were last verified, see `stamp_of`."""
        try:
            return json.loads(self._stamps(set_digest).read_bytes())
        except (OSError, ValueError):
            return {}

    def _stamps(self, set_digest):
        view = self.view(set_digest)
        return view.with_name(f"{view.name}.stamps")

    def fill_view(self, set_digest, files, stamps=None):
        """Make or complete the view of the `files` of a set, and return its folder; raises OSError.

        files: objects with path and sha256; those that are in the store have been verified. stamps: of files that
        are in the view and have been verified there. What else lies under one of their names is replaced.
        """
        view, known = self.view(set_digest), stamps or {}
        own_folders(view, (file.path for file in files))
        held = self._held(files)
        for path, file in held.items():
            if not is_held(view / path) or known.get(path) != stamp_of(view / path):
                self._hold(view, path, file.sha256)
        for file in files:
            if file.path not in held:
                link_file(view / file.path, self.blob(file.sha256), self.incoming)
        return view

    def _held(self, files):
        """Those of `files` that have to be held, by path; of others it is not known before they are read."""
        present = {file.path: file for file in files if self.blob(file.sha256).exists()}
        paths = external_data(present, lambda path: self.blob(present[path].sha256).open("rb"))
        return {path: present[path] for path in paths}

    def _hold(self, view, path, sha256):
        blob, held = self.blob(sha256), view / path
        if is_held(held) and os.path.samefile(held, blob):
            return
        with self.lock(sha256):
            hold_file(held, blob, self.incoming(f"{sha256}.{os.getpid()}.held"))

    def keep_stamps(self, set_digest, stamps):
        """Remember when the files of a view were verified; a store that cannot be written remembers nothing."""
        path = self._stamps(set_digest)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        with suppress(OSError):
            temporary.write_text(json.dumps(stamps))
            os.replace(temporary, path)


def stamp_of(path):
    """Return what changes with a file, a list; None without one.

    Its size, both of its times (ns), of which a program can set one only, its inode and device, and, of one that is
    no link, how many names it has.
    """
    try:
        found = os.lstat(path)
        names = [found.st_nlink]
        if stat.S_ISLNK(found.st_mode):
            found, names = os.stat(path), []
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev, *names]


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
