"""Files of a lock that have another name and the same content.

`onnx.save_model` and MLflow's flavor of ONNX give a model's external data a new name at each save, a UUID with
the time and the machine's network address in it. The model itself then changes in that name alone.
"""

from typing import Mapping, Optional

from modelkiln.store.store import Store
from modelkiln.weights.lock import LockedFile, WeightsLock

__all__ = ["describe_renames", "find_renames"]

_FIXED = "a fixed one (`location` of onnx.save_model) keeps the layers of images, which have names in them"
# Models whose weights lie elsewhere are small: what is larger is not read to see how it changed.
_LIMIT = 64 << 20


def find_renames(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """Return old path -> new path of files with the same content, each path once.

    before, after: sha256 by path.
    """
    came: dict[str, list[str]] = {}
    for path in sorted(after.keys() - before.keys()):
        came.setdefault(after[path], []).append(path)
    found = {}
    for path in sorted(before.keys() - after.keys()):
        if came.get(before[path]):
            found[path] = came[before[path]].pop(0)
    return found


def describe_renames(before: Optional[WeightsLock], after: WeightsLock, store: Store) -> list[str]:
    """Return a line for each file that only its name distinguishes from one of the lock before, and for each
    model that differs in such names alone."""
    old, new = ({file.path: file for file in lock.files} if lock else {} for lock in (before, after))
    renames = find_renames(*({path: file.sha256 for path, file in files.items()} for files in (old, new)))
    lines = [f"  {path} is called {renames[path]} now; its content is the same" for path in sorted(renames)]
    changed = [path for path in sorted(old.keys() & new.keys()) if old[path].sha256 != new[path].sha256]
    return lines + [
        f"  {path} differs in that name alone; {_FIXED}"
        for path in changed
        if _has_new_names(old[path], new[path], renames, store)
    ]


def _has_new_names(before: LockedFile, after: LockedFile, renames: Mapping[str, str], store: Store) -> bool:
    if not renames or before.size != after.size or before.size > _LIMIT:
        return False
    digests = [f"sha256:{file.sha256}" for file in (before, after)]
    if not all(store.has(digest, before.size) for digest in digests):
        return False
    contents = []
    for digest in digests:
        with store.open(digest) as stream:
            contents.append(stream.read())
    text = contents[0]
    for old, new in renames.items():
        # The location of external data is relative to the model's folder.
        text = text.replace(_name(old), _name(new))
    return text == contents[1]


def _name(path: str) -> bytes:
    return path.rpartition("/")[2].encode()
