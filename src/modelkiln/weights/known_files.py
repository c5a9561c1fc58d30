"""Which files of a source are known from before, so that none of their bytes has to be read."""

from dataclasses import replace
from typing import Iterator, Mapping, Optional

from modelkiln.sources.source import SourceFile, Stamp
from modelkiln.store.file_index import FileIndex
from modelkiln.store.files import find_stored
from modelkiln.store.store import Store
from modelkiln.weights.lock import LockedFile, WeightsLock
from modelkiln.weights.selection import FoundFiles

__all__ = ["known_files", "stamps_of"]


def stamps_of(found: FoundFiles) -> dict[str, Stamp]:
    """Return for each path what shows whether the file is still what it was."""
    stamps = {}
    for file in found.files:
        name = found.name_of(file)
        stamps[file.path] = Stamp(name, True) if name else found.source.listed_stamp(file)
    return stamps


def known_files(
    found: FoundFiles, store: Store, known: Optional[WeightsLock], stamps: Mapping[str, Stamp]
) -> Iterator[LockedFile]:
    """Yield the files whose content is known: from `known`, the existing lock, also where the
    store lacks them; and from what this machine has read before or the source states, where the
    store has the bytes."""
    recalled = FileIndex(store.root).get_files({stamp.text for stamp in stamps.values() if stamp.text})
    is_same_source = known is not None and known.source.get("uri") == found.listing.uri
    before = {file.path: file for file in known.files} if known and is_same_source else {}
    stated = []
    for file in found.files:
        old = before.get(file.path)
        if old and _is_same(file, old):
            yield replace(old, version=file.version, locator=file.locator)
            continue
        sha256, size = recalled.get(stamps[file.path].text, (file.sha256, file.size))
        if sha256 and size and file.size in (None, size):
            stated.append(LockedFile(file.path, sha256, size, file.version, file.locator))
    # What a source states is believed only of bytes that are here, under that very digest.
    here = find_stored(({"sha256": file.sha256, "size": file.size} for file in stated), store)
    yield from (file for file in stated if file.sha256 in here)


def _is_same(file: SourceFile, old: LockedFile) -> bool:
    same_name = (file.version, file.locator) == (old.version, old.locator) if file.version else False
    return (same_name or file.sha256 == old.sha256) and file.size in (None, old.size)
