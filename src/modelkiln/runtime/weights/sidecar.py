"""Weights that are mounted beside the package: found at MODELKILN_MODELS, and verified before use."""

import hashlib
import json
import os

from modelkiln.runtime.errors import PackageError
from modelkiln.runtime.weights.store import sha256_of, stamp_of, store_root

__all__ = ["check_weights"]

# More readers than this gain nothing on one disk.
_READERS = 4
_REMEDY = "Mount the weights that were published with this package, or set MODELKILN_MODELS to their folder."


def check_weights(package):
    """Return the folder of the model artifact files, each of which is what the record says.

    Raises PackageError that names what is missing or differs. Files are hashed at the first start,
    and again when one of them has changed: what is remembered of a file is its size, its inode and
    both of its times, of which a program can set one only. Where MODELKILN_STORE (or the user's
    cache folder) cannot be written, they are hashed at every start, at about 1 s for each GB and core.
    """
    files = package.record["artifacts"]
    stamps = {file["path"]: stamp_of(package.models / file["path"]) for file in files}
    wrong = [_sized(package.models / file["path"], stamps[file["path"]], file["size"]) for file in files]
    _refuse(package, [sentence for sentence in wrong if sentence])
    notes = _notes(package)
    if _read(notes) != stamps:
        _refuse(package, _differing(package.models, files))
        _write(notes, stamps)
    return package.models


def _sized(path, stamp, size):
    if stamp is None:
        return f"{path} is missing."
    return "" if stamp[0] == size else f"{path} has {stamp[0]} bytes, want {size}."


def _differing(models, files):
    from concurrent.futures import ThreadPoolExecutor

    def check(file):
        path = models / file["path"]
        try:
            actual = sha256_of(path)
        except OSError as error:
            return f"{path}: {error.strerror}."
        return "" if actual == file["sha256"] else f"{path} has sha256 {actual}, want {file['sha256']}."

    with ThreadPoolExecutor(min(_READERS, os.cpu_count() or 1)) as readers:
        return [sentence for sentence in readers.map(check, files) if sentence]


def _refuse(package, sentences):
    if sentences:
        more = f" And {len(sentences) - 5} more." if len(sentences) > 5 else ""
        raise PackageError(
            f"{package.record['name']}: its weights are not here: {' '.join(sentences[:5])}{more} {_REMEDY}"
        )


def _notes(package):
    """Where it is remembered what was verified: a name for each set of files in each folder."""
    lines = sorted(f"{file['sha256']}  {file['path']}\n" for file in package.record["artifacts"])
    text = os.path.realpath(package.models) + "\n" + "".join(lines)
    try:
        return store_root() / "mounted" / (hashlib.sha256(os.fsencode(text)).hexdigest() + ".json")
    except PackageError:
        return None


def _read(notes):
    try:
        return json.loads(notes.read_bytes()) if notes else None
    except (OSError, ValueError):
        return None


def _write(notes, stamps):
    if notes is None:
        return
    temporary = notes.with_suffix(f".{os.getpid()}.tmp")
    try:
        notes.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(stamps))
        os.replace(temporary, notes)
    except OSError:
        return  # A read-only host: hashed again at the next start.
