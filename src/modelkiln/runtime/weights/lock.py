"""The lock of a package whose weights are fetched when it starts: what each file is, and where."""

import hashlib
import re

from modelkiln.runtime.document import parse_json, reason_of, shown
from modelkiln.runtime.errors import PackageError

__all__ = ["LOCK_PATH", "LazyFile", "WeightsLock", "read_lock"]

SCHEMA = 1
# Beside the record; the engine writes it there (modelkiln.package.lazy_weights).
LOCK_PATH = ".modelkiln/weights.lock.json"
_REMEDY = "The package is damaged; build or fetch it again."
_HEX = re.compile("[0-9a-f]{64}")


class LazyFile:
    """One file: path (below the models folder), size (bytes), sha256 (hex).

    places: where it can be read, objects {"url"} with an "offset" where it is a part of something.
    layer: {"digest", "offset"} of the tar that holds it in registries, or None. chunks: {"size",
    "sha256": [hex of each chunk]} with which a part of it can be checked, or None. on_demand:
    whether the inference script reads it in parts, so that a start does not fetch it. mirrors:
    bases that may have it, and are asked first.
    """

    mirrors = ()

    def __init__(self, path, size, sha256, places, layer=None, chunks=None, on_demand=False):
        self.path, self.size, self.sha256, self.places = path, size, sha256, places
        self.layer, self.chunks, self.on_demand = layer, chunks, on_demand


class WeightsLock:
    """files: all LazyFiles. set_digest: `sha256:<hex>` of which files they are."""

    def __init__(self, files, set_digest):
        self.files, self.set_digest = files, set_digest


def read_lock(package):
    """Return the WeightsLock of a package; raises PackageError for one that its record disowns."""
    path = package.root / LOCK_PATH
    try:
        content = parse_json(path.read_bytes(), str(path))
        if content["schema"] != SCHEMA:
            raise PackageError(f"{path}: schema {shown(content['schema'])}, want {SCHEMA}. {_REMEDY}")
        lock = WeightsLock([LazyFile(**file) for file in content["files"]], content["set_digest"])
        mirrors = content.get("mirrors") or []
    except OSError as error:
        raise PackageError(f"{path}: {error.strerror}. {_REMEDY}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise PackageError(f"{path}: is not a weights lock ({reason_of(error)}). {_REMEDY}") from None
    _check_files(lock.files, path)
    found = [(file.path, file.size, file.sha256) for file in lock.files]
    wanted = [(file["path"], file["size"], file["sha256"]) for file in package.record["artifacts"]]
    if sorted(found) != sorted(wanted):
        raise PackageError(f"{path}: names other files than the package's record. {_REMEDY}")
    _check_whole(lock, mirrors, path)
    for file in lock.files:
        file.mirrors = mirrors
    return lock


def _check_files(files, where):
    """Raise PackageError for a value that no lock has: a path that leads elsewhere, a number that is none.

    That the record agrees with the lock beside it says nothing: one hand may have written both.
    """
    if not files:
        raise PackageError(f"{where}: lists no file. {_REMEDY}")
    for file in files:
        for name, is_right in _checks_of(file):
            if not is_right:
                value = getattr(file, name)
                raise PackageError(f"{where}: {file.path!r}: {name} is {shown(value)}. {_REMEDY}")
    paths = [file.path for file in files]
    folders = {path.rsplit("/", depth)[0] for path in paths for depth in range(1, path.count("/") + 1)}
    if len(set(paths)) < len(paths) or folders & set(paths):
        path = next(path for path in paths if paths.count(path) > 1 or path in folders)
        raise PackageError(f"{where}: {path!r} is listed twice, or is a folder, too. {_REMEDY}")


def _check_whole(lock, mirrors, where):
    lines = sorted(f"{file.sha256}  {file.path}\n" for file in lock.files)
    actual = "sha256:" + hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    if lock.set_digest != actual:
        raise PackageError(f"{where}: set_digest is {shown(lock.set_digest)}, want {actual}. {_REMEDY}")
    if not isinstance(mirrors, list) or not all(isinstance(one, str) for one in mirrors):
        raise PackageError(f"{where}: mirrors is {shown(mirrors)}, want a list of texts. {_REMEDY}")


def _checks_of(file):
    layer, chunks = file.layer, file.chunks
    yield "path", _is_clean(file.path)
    yield "size", _is_count(file.size)
    yield "sha256", _is_hex(file.sha256)
    yield "on_demand", isinstance(file.on_demand, bool)
    yield "places", isinstance(file.places, list) and all(
        isinstance(place, dict) and isinstance(place.get("url"), str) and _is_count(place.get("offset", 0))
        for place in file.places
    )
    yield "layer", layer is None or (
        isinstance(layer, dict)
        and isinstance(layer.get("digest"), str)
        and layer["digest"].startswith("sha256:")
        and _is_hex(layer["digest"][7:])
        and _is_count(layer.get("offset"))
    )
    yield "chunks", chunks is None or (
        isinstance(chunks, dict)
        and _is_count(chunks.get("size"))
        and chunks["size"] > 0
        and isinstance(chunks.get("sha256"), list)
        and len(chunks["sha256"]) == -(-file.size // chunks["size"])
        and all(map(_is_hex, chunks["sha256"]))
    )


def _is_clean(path):
    """Whether `path` is one of a file below the models folder, written in one way only."""
    if not isinstance(path, str) or "\0" in path or "\\" in path:
        return False
    try:
        path.encode("utf-8", "surrogateescape")  # JSON can hold what no file is called.
    except UnicodeEncodeError:
        return False
    return all(part not in ("", ".", "..") for part in path.split("/"))


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_hex(value):
    return isinstance(value, str) and bool(_HEX.fullmatch(value))
