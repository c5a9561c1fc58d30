"""The lock of a package whose weights are fetched when it starts: what each file is, and where."""

from modelkiln.runtime.document import parse_json
from modelkiln.runtime.errors import PackageError

__all__ = ["LOCK_PATH", "LazyFile", "WeightsLock", "read_lock"]

SCHEMA = 1
# Beside the record; the engine writes it there (modelkiln.package.lazy_weights).
LOCK_PATH = ".modelkiln/weights.lock.json"


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
            raise PackageError(f"{path}: schema {content['schema']!r}, want {SCHEMA}. The package is damaged.")
        lock = WeightsLock([LazyFile(**file) for file in content["files"]], content["set_digest"])
        for file in lock.files:
            file.mirrors = content.get("mirrors") or ()
        found = [(file.path, file.size, file.sha256) for file in lock.files]
    except OSError as error:
        raise PackageError(f"{path}: {error.strerror}. The package is damaged; build it again.") from None
    except (KeyError, TypeError) as error:
        raise PackageError(f"{path}: is not a weights lock ({error!r}). The package is damaged.") from None
    wanted = [(file["path"], file["size"], file["sha256"]) for file in package.record["artifacts"]]
    if sorted(found) != sorted(wanted):
        raise PackageError(f"{path}: names other files than the package's record. The package is damaged.")
    return lock
