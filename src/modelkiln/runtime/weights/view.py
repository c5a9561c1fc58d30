"""The folder of files that an inference script gets as its `model`, where the files are a store's blobs.

Links to blobs would do, were it not for ONNX models with external data: onnxruntime refuses data that really lie
outside of the model's folder (1.24 and later), and `onnx.load` takes neither a link nor a file with several names. Such
data are *held*: the folder has the file itself. Where the file system shares blocks between files (Btrfs, XFS),
that is a second file with the blob's blocks. Elsewhere the blob itself moves into the folder, and its name in the store
becomes a link to it. Only where neither can be done, for another folder holds the blob, is it copied.
"""

import fcntl
import mmap
import os
import posixpath
import shutil
import stat
from contextlib import suppress

__all__ = ["external_data", "hold_file", "is_held", "link_file", "own_folders", "share_blocks"]

# ioctl_ficlone(2), from linux/fs.h: the same number on all of our platforms.
_FICLONE = 0x40049409


def external_data(paths, open_file):
    """Return those of `paths`, of files in one folder, that ONNX models among them keep their tensors in.

    open_file: from a path to a binary file with a descriptor, or bytes. A model has the names of such files in it as
    they are; a file that a model only happens to name is returned as well.
    """
    found = set()
    for model in paths:
        if model.endswith(".onnx"):
            folder = posixpath.dirname(model)
            below = [path for path in paths if path != model and (not folder or path.startswith(folder + "/"))]
            found.update(_named_in(open_file(model), below) if below else ())
    return found


def _named_in(content, paths):
    names = {path: posixpath.basename(path).encode("utf-8", "surrogateescape") for path in paths}
    if isinstance(content, bytes):
        return [path for path in paths if names[path] in content]
    with content:
        if not os.fstat(content.fileno()).st_size:  # It cannot be mapped.
            return []
        with mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return [path for path in paths if mapped.find(names[path]) >= 0]


def own_folders(folder, paths):
    """Make sure that the folders of `paths` below `folder` (pathlib) lead nowhere else; raises OSError."""
    for parent in sorted({parent for path in paths for parent in (folder / path).parents}):
        if (parent == folder or folder in parent.parents) and parent.is_symlink():
            parent.unlink()


def link_file(path, target, scratch=None):
    """Make a symbolic link at `path` (pathlib) to `target`, relative; one that is there stays.

    scratch: gives the path of a temporary file by its name; then what is there and is another file is replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.symlink(os.path.relpath(target, path.parent), path)
        return
    if scratch and os.path.realpath(path) != os.path.realpath(target):
        temporary = scratch(f"{os.path.basename(target)}.{os.getpid()}.link")
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        os.symlink(os.path.relpath(target, path.parent), temporary)
        os.replace(temporary, path)


def is_held(path):
    """Whether loaders that refuse links take the file at `path`."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1


def hold_file(path, blob, scratch):
    """Put the file of `blob` at `path` so that it is held there; the blob's lock has to be held.

    scratch: where a temporary file may lie, on the store's file system. A name is at every moment absent or whole,
    also for readers without a lock. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        os.unlink(scratch)
    if _is_second_name(path, blob):  # A process was killed before it had made the link.
        return _replace_by_link(blob, path, scratch)
    if not share_blocks(blob, scratch):
        if _has_one_name(blob) and _has_linked(blob, scratch):
            os.replace(scratch, path)
            return _replace_by_link(blob, path, scratch)
        shutil.copyfile(blob, scratch)
    times = os.stat(blob)
    os.chmod(scratch, 0o444)
    os.utime(scratch, ns=(times.st_atime_ns, times.st_mtime_ns))
    os.replace(scratch, path)


def share_blocks(source, target):
    """Make `target` a new file that shares the blocks of `source`; False where the file system has no such thing."""
    with open(source, "rb") as read:
        try:
            written = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            try:
                fcntl.ioctl(written, _FICLONE, read.fileno())
            finally:
                os.close(written)
            return True
        except OSError:
            with suppress(OSError):
                os.unlink(target)
            return False


def _has_one_name(blob):
    found = os.lstat(blob)
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1


def _is_second_name(path, blob):
    if os.path.islink(path) or os.path.islink(blob) or not os.path.exists(path):
        return False
    return os.path.samefile(path, blob) and os.lstat(path).st_nlink == 2


def _has_linked(blob, scratch):
    try:
        os.link(blob, scratch)
    except OSError:  # A file system without hard links.
        return False
    return True


def _replace_by_link(blob, path, scratch):
    os.symlink(os.path.relpath(path, blob.parent), scratch)
    os.replace(scratch, blob)
