"""Locks a model artifact: each of its files is read once, into the store, and hashed on the way.

What was read before is not read again: a file that the source names by a version, and one of this
machine whose times have not changed, is known by what it was then; see `store.file_index`.
"""

import json
from dataclasses import replace
from typing import Iterable, Optional, Sequence

from modelkiln.checks.allowed import NOTHING, Allowed
from modelkiln.checks.check import Options
from modelkiln.conventions import MODELS_FOLDER
from modelkiln.descriptor import LAYER, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.sources.fetch import fetch_files
from modelkiln.store.file_batch import SMALL_BYTES
from modelkiln.store.files import StoredFile, find_stored
from modelkiln.store.store import Store
from modelkiln.weights.chunks import CHUNK_BYTES, read_chunks
from modelkiln.weights.formats import Place, check_formats, source_place
from modelkiln.weights.grouping import group_files
from modelkiln.weights.layer_digest import encode_descriptor, hash_layer, layer_cache_key
from modelkiln.weights.lock import LockedFile, LockedLayer, WeightsLock
from modelkiln.weights.reading import Reading
from modelkiln.weights.selection import FoundFiles, WeightsSource, find_files

__all__ = ["lock_weights"]


def lock_weights(
    wanted: WeightsSource,
    store: Store,
    known: Optional[WeightsLock] = None,
    allowed: Allowed = NOTHING,
) -> WeightsLock:
    """Return the lock of what `wanted` names now; afterwards its files are in `store`.

    known: the existing lock: files that have the version that it names are the same
    and are not read, also where the store lacks them. allowed: what the target allows in them.

    Raises ModelkilnError for whatever cannot be read, changes while it is read or is refused; the
    store is consistent then, and what was read is not read again by the next try.
    """
    Options.of(wanted.where, allowed)  # Before anything is read.
    return _Locking(find_files(wanted, store), store, known, allowed).run()


class _Locking:
    def __init__(self, found: FoundFiles, store: Store, known: Optional[WeightsLock], allowed: Allowed) -> None:
        options = Options.of(found.wanted.where, allowed)
        self._allowed, self._options = allowed, options
        self._found, self._store, self._before = found, store, known
        self._where = found.wanted.where
        self._reading = Reading(found, store, known, options)

    def run(self) -> WeightsLock:
        """Read what has to be read, and make the lock of it."""
        try:
            with self._reading.progress:
                self._reading.run()
                layers = self._finish()
        except BaseException as error:
            self._reading.keep()
            if isinstance(error, ModelkilnError) and not str(error).startswith(self._where):
                raise ModelkilnError(f"{self._where}: {error}") from None  # A source knows no targets.
            raise
        finally:
            self._reading.discard()
        ordered = tuple(self._reading.files[path] for path in sorted(self._reading.files))
        return WeightsLock(self._found.to_json(), ordered, layers, self._found.listing.facts, self._allowed)

    def _finish(self) -> tuple[LockedLayer, ...]:
        """Hash the layers that were not hashed while they were read, then remember all of it."""
        self._reading.small.flush()
        with self._reading.index.together():
            self._check()
            self._find_chunks()
            sizes = {file.path: file.size for file in self._reading.files.values()}
            groups = self._reading.grouped if sizes == self._reading.sizes else group_files(sizes.items())
            layers = tuple(self._layer(group) for group in groups)
            self._reading.settle()
            self._reading.remember([file for file in self._reading.todo if (file.size or SMALL_BYTES) < SMALL_BYTES])
            self._reading.index.put_results(
                (self._layer_cache_key(layer.files), encode_descriptor(Descriptor(LAYER, layer.digest, layer.size)))
                for layer in layers
            )
        return layers

    def _check(self) -> None:
        here: dict[str, StoredFile] = {}
        at_source = {file.path: file for file in self._found.files}
        findings = self._reading.findings

        def place(path: str) -> Place:
            if not here:  # Mostly nobody asks.
                here.update(self._stored(file for file in self._reading.files.values() if file.path not in findings))
            file = self._reading.files[path]
            if file.sha256 in here:
                return Place(here[file.sha256].open)
            # What the existing lock pins was not read, and who wrote the lock may have checked nothing.
            return source_place(self._found.source, at_source[path], file.size, self._where)

        formats = check_formats(self._reading.files.values(), place, self._options, self._reading.index, findings)
        for path, stated in formats.items():
            format = "" if stated["format"] == "unknown" else stated["format"]
            code, file = tuple(stated.get("code", ())), self._reading.files[path]
            self._reading.files[path] = replace(file, format=format, facts=stated.get("facts"), code=code)

    def _find_chunks(self) -> None:
        """Complete large files that were not read now, from what is known of them or else from the store."""
        large = [file for file in self._reading.files.values() if file.size > CHUNK_BYTES]
        keys = {file.sha256: f"chunks {CHUNK_BYTES} {file.sha256}" for file in large}
        results = self._reading.index.get_results(keys.values())
        before = {file.sha256: file.chunks for file in self._before.files} if self._before else {}
        here = self._stored(file for file in large if file.chunks is None and file.sha256 not in before)
        for file in large:
            if file.chunks is None and keys[file.sha256] in results:
                chunks = json.loads(results[keys[file.sha256]])
            elif file.chunks is None and file.sha256 in here:
                with here[file.sha256].open() as stream:
                    chunks = read_chunks(stream)
            else:
                chunks = file.chunks or before.get(file.sha256)
            self._reading.files[file.path] = replace(file, chunks=chunks)
        found = (file for file in self._reading.files.values() if file.chunks and keys[file.sha256] not in results)
        self._reading.index.put_results((keys[file.sha256], json.dumps(file.chunks)) for file in found)

    def _stored(self, files: Iterable[LockedFile]) -> dict[str, StoredFile]:
        listed = list(files)
        if listed:
            self._reading.settle()
            self._reading.index.flush()
        return find_stored(({"sha256": file.sha256, "size": file.size} for file in listed), self._store)

    def _layer(self, paths: Sequence[str]) -> LockedLayer:
        files = [self._reading.files[path] for path in paths]
        found = self._reading.layers.get(tuple(paths)) or self._cached_layer(paths) or self._hashed_layer(files)
        return LockedLayer(found.digest, found.size, tuple(paths))

    def _cached_layer(self, paths: Sequence[str]) -> Optional[Descriptor]:
        result = self._reading.index.get_result(self._layer_cache_key(paths))
        return Descriptor(LAYER, *json.loads(result)) if result else None

    def _hashed_layer(self, files: Sequence[LockedFile]) -> Descriptor:
        here = self._stored(files)
        missing = [file.to_json() for file in files if file.sha256 not in here]
        # The existing lock makes files known that are not here, and may record their layer, too.
        found = self._before.layer_of(files) if missing and self._before else None
        if found is not None:
            return found
        if missing:
            # Other files share the layer now: its digest follows from their bytes alone.
            fetch_files(self._found.to_json(), missing, self._store, self._where, self._found.source)
            here = self._stored(files)
        return hash_layer(MODELS_FOLDER, [(file.path, here[file.sha256]) for file in files], self._where)

    def _layer_cache_key(self, paths: Sequence[str]) -> str:
        return layer_cache_key(MODELS_FOLDER, [vars(self._reading.files[path]) for path in paths])
