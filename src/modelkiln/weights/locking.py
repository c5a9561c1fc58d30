"""Locks a model artifact: each of its files is read once, into the store, and hashed on the way.

What was read before is not read again: a file that the source names by a version, and one of this
machine whose times have not changed, is known by what it was then; see `store.file_index`.
"""

import hashlib
import io
import json
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import BinaryIO, Callable, Iterable, Iterator, Optional, Sequence

from modelkiln.archives.tar import Entry, sorted_entries, tar_header, tar_padding
from modelkiln.checks import Finding, Options, check_file
from modelkiln.conventions import MODELS_FOLDER
from modelkiln.descriptor import LAYER, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.network.http import NETWORK_ERRORS, with_retries
from modelkiln.progress import StoppableProgress
from modelkiln.sources.fetch import fetch_files
from modelkiln.sources.source import SourceFile
from modelkiln.sources.transfer import transfer
from modelkiln.store.file_batch import SMALL_BYTES, SmallFiles
from modelkiln.store.file_index import SeenFiles
from modelkiln.store.file_tar import FileTar
from modelkiln.store.files import StoredFile, find_stored
from modelkiln.store.store import Store
from modelkiln.weights.chunks import CHUNK_BYTES, ChunkDigests, read_chunks
from modelkiln.weights.formats import check_formats
from modelkiln.weights.grouping import group_files
from modelkiln.weights.known_files import known_files, stamps_of
from modelkiln.weights.layer_digest import LayerHash, hash_layer, note_key, note_of
from modelkiln.weights.lock import LockedFile, LockedLayer, WeightsLock
from modelkiln.weights.selection import FoundFiles, WeightsSource, find_files

__all__ = ["lock_weights"]

# Transfers at once: a network's latency is hidden by many, a disk is kept busy by few.
_REMOTE_JOBS, _LOCAL_JOBS = 8, 2
# Small files of one job: a job of its own for each would cost more than reading it.
_SMALL_JOB = 64
# From so many small files of this machine on they become one blob and not one each.
_TAR_FILES = 16


def lock_weights(
    wanted: WeightsSource,
    store: Store,
    known: Optional[WeightsLock] = None,
    allow_pickle: Optional[Sequence[str]] = None,
) -> WeightsLock:
    """Return the lock of what `wanted` names now; afterwards its files are in `store`.

    known: the lock that is there already: files that have the version that it names are the same
    and are not read, also where the store lacks them. allow_pickle: see `checks.check.Options`.

    Raises ModelkilnError for whatever cannot be read, changes while it is read or is refused; the
    store is consistent then, and what was read is not read again by the next try.
    """
    options = Options(wanted.where, None if allow_pickle is None else tuple(allow_pickle))
    return _Locking(find_files(wanted, store), store, known, options).run()


class _Locking:
    def __init__(self, found: FoundFiles, store: Store, known: Optional[WeightsLock], options: Options) -> None:
        self._options = options
        self._found, self._store, self._before = found, store, known
        self._where = found.wanted.where
        self._seen = SeenFiles(store.root)
        self._small = SmallFiles(store)
        self._stamps = stamps_of(found)
        self._files = {file.path: file for file in known_files(found, store, known, self._stamps)}
        # By the paths of a layer: what its bytes were when they were read.
        self._layers: dict[tuple[str, ...], Descriptor] = {}
        # Blobs of many small files which the disk may still be busy with.
        self._tars: list[FileTar] = []
        self._findings: dict[str, Finding] = {}
        # As they were told: sizes by path, and the paths of each layer.
        self._sizes: dict[str, int] = {}
        self._grouped: list[list[str]] = []
        todo = [file for file in found.files if file.path not in self._files]
        sizes = [file.size for file in todo]
        total = None if None in sizes else sum(size for size in sizes if size is not None)
        self._progress = StoppableProgress(f"lock {self._where}", total)
        self._todo, self._read = todo, {file.path for file in todo}

    def run(self) -> WeightsLock:
        """Read what has to be read, and make the lock of it."""
        try:
            with self._progress:
                self._read_all(list(self._jobs()))
                layers = self._finish()
        except BaseException as error:
            self._keep_what_was_read()
            if isinstance(error, ModelkilnError) and not str(error).startswith(self._where):
                raise ModelkilnError(f"{self._where}: {error}") from None  # A source knows no targets.
            raise
        finally:
            self._small.discard()
            for tar in self._tars:
                tar.discard()
        ordered = tuple(self._files[path] for path in sorted(self._files))
        allowed = self._options.allow_pickle
        pickles = None if allowed is None else tuple(sorted(allowed))
        return WeightsLock(self._found.to_json(), ordered, layers, self._found.listing.facts, pickles)

    def _read_all(self, jobs: Sequence[Callable[[], None]]) -> None:
        """Do all jobs, or those that are being done until one fails: its error is raised when they have ended."""
        is_local = any(self._found.source.place(file) for file in self._todo[:1])
        with ThreadPoolExecutor(_LOCAL_JOBS if is_local else _REMOTE_JOBS) as pool:
            running = [pool.submit(job) for job in jobs]
            try:
                done, _ = wait(running, return_when=FIRST_EXCEPTION)
                for one in done:
                    one.result()
            except BaseException:
                self._progress.stop()
                for one in running:
                    one.cancel()
                raise

    def _keep_what_was_read(self) -> None:
        with suppress(ModelkilnError):  # The error that is being told comes first.
            self._small.flush()
            self._settle()
        self._remember([file for file in self._todo if file.path in self._files])

    def _jobs(self) -> Iterator[Callable[[], None]]:
        """What can be done at the same time: large files one by one, small ones together."""
        todo = {file.path: file for file in self._todo}
        groups = self._groups()
        is_local = any(self._found.source.place(file) for file in self._todo[:1])
        for paths in groups or [[path] for path in todo]:
            read = [todo[path] for path in paths if path in todo]
            small = [file for file in read if (file.size or SMALL_BYTES) < SMALL_BYTES]
            large = [file for file in read if (file.size or SMALL_BYTES) >= SMALL_BYTES]
            is_alone = len(paths) == len(large) == 1
            if groups and (is_local or is_alone) and len(read) == len(paths):
                yield partial(self._read_in_order, read)
                continue
            yield from (partial(self._read_large, file) for file in large)
            if groups and is_local and len(small) >= _TAR_FILES:
                yield partial(self._read_in_order, small)
                continue
            for start in range(0, len(small), _SMALL_JOB):
                yield partial(self._read_all_of, small[start : start + _SMALL_JOB])

    def _groups(self) -> list[list[str]]:
        """The paths of each layer that has something to read; none while sizes are not known."""
        sizes = {file.path: file.size for file in self._found.files}
        sizes.update((path, file.size) for path, file in self._files.items())
        if None in sizes.values():
            return []
        self._sizes = {path: size for path, size in sizes.items() if size is not None}
        self._grouped = group_files(self._sizes.items())
        return [group for group in self._grouped if not self._read.isdisjoint(group)]

    def _read_large(self, file: SourceFile, *layers: LayerHash) -> None:
        stamp = self._stamps[file.path]
        key = hashlib.sha256(stamp.text.encode("utf-8", "surrogateescape")).hexdigest() if stamp.text else ""
        where, chunks = f"{self._where}: {file.path}", ChunkDigests()
        read = transfer(self._found.source, file, self._store, key, self._progress, where, (chunks, *layers))
        self._check_unchanged(file)
        locked = LockedFile(file.path, read.size, read.sha256, file.version, file.locator, chunks=chunks.to_json())
        self._files[file.path] = locked
        self._remember([file])

    def _read_in_order(self, files: Sequence[SourceFile]) -> None:
        """Read files in the order of the tar that they make, which is hashed on the way: when they are all of
        a layer, it is that layer's. Many small ones are put into one blob, a tar of them.

        What was read before an error is kept.
        """
        by_path = {f"{MODELS_FOLDER}/{file.path}": file for file in files}
        entries = sorted_entries((Entry(path, size=file.size or 0) for path, file in by_path.items()), self._where)
        count = sum((file.size or 0) < SMALL_BYTES for file in files)
        tar = FileTar(self._store) if count >= _TAR_FILES else None
        layer = LayerHash() if tar is None or count < len(files) else None
        try:
            for entry in entries:
                self._read_entry(entry, by_path.get(entry.path), tar, [layer] if layer is not None else [])
        except BaseException:
            with suppress(ModelkilnError):  # The error that is being told comes first.
                if tar is not None:
                    tar.discard() if tar.is_empty else self._end_tar(tar)
            raise
        found = [layer.end()] if layer is not None else []
        found += [self._end_tar(tar)] if tar is not None else []
        self._layers[tuple(sorted(file.path for file in files))] = found[0]

    def _read_entry(
        self, entry: Entry, file: Optional[SourceFile], tar: Optional[FileTar], layers: Sequence[LayerHash]
    ) -> None:
        """Read a file, a small one into `tar` where there is one; what a layer has of it goes into `layers`."""
        for layer in layers:
            layer.update(tar_header(entry))
        if file is not None and entry.size >= SMALL_BYTES:
            self._read_large(file, *layers)
        elif file is not None:
            data, sha256 = self._read_small(file)
            tar.add(entry, data, sha256) if tar is not None else self._small.add(data, sha256)
            for layer in layers:
                layer.update(data)
        elif tar is not None:
            tar.add(entry)
        for layer in layers:
            layer.update(tar_padding(entry.size))

    def _end_tar(self, tar: FileTar) -> Descriptor:
        made = tar.close()
        self._tars.append(tar)
        return made

    def _settle(self) -> None:
        """Make blobs of all tars that the disk is still busy with."""
        taken, self._tars = self._tars, []
        errors = []
        for tar in taken:
            try:
                tar.settle()
            except ModelkilnError as error:
                errors.append(error)
            self._seen.keep_tars(tar.rows)
        if errors:
            raise errors[0]

    def _read_all_of(self, files: Sequence[SourceFile]) -> None:
        for file in files:
            self._small.add(*self._read_small(file))

    def _read_small(self, file: SourceFile) -> tuple[bytes, str]:
        """Return content and sha256 (hex) of a file, which is checked."""
        data = self._content(file)
        sha256 = hashlib.sha256(data).hexdigest()
        if file.sha256 not in (None, sha256) or len(data) != file.size:
            raise ModelkilnError(
                f"{self._where}: {file.path}: got {len(data)} bytes with sha256 {sha256}, the source listed "
                f"{file.size} bytes{f' with {file.sha256}' if file.sha256 else ''}. It changed while it was "
                "read, or the source is damaged: lock again."
            )
        self._findings[file.path] = check_file(file.path, partial(io.BytesIO, data), len(data), self._options)
        self._files[file.path] = LockedFile(file.path, len(data), sha256, file.version, file.locator)
        self._progress.add(len(data))
        return data, sha256

    def _content(self, file: SourceFile) -> bytes:
        try:
            return with_retries(partial(self._found.source.read, file))
        except NETWORK_ERRORS as error:
            raise ModelkilnError(f"{self._where}: {file.path}: {error}. Try again.") from error

    def _check_unchanged(self, file: SourceFile) -> None:
        if not file.version and self._found.source.stamp(file).text != self._stamps[file.path].text:
            raise ModelkilnError(
                f"{self._where}: {file.path}: was changed while it was read. Lock again when nothing writes to it."
            )

    def _remember(self, files: Sequence[SourceFile]) -> None:
        """Keep what was learnt of files that are in the store."""
        rows = []
        for file in files:
            stamp, locked = self._stamps[file.path], self._files[file.path]
            if stamp.text and stamp.is_settled:
                rows.append((stamp.text, locked.sha256, locked.size, self._found.source.place(file)))
        if rows:
            self._seen.remember(rows)

    def _finish(self) -> tuple[LockedLayer, ...]:
        """Hash the layers that were not hashed while they were read, then remember all of it."""
        self._small.flush()
        with self._seen.together():
            self._check()
            self._find_chunks()
            sizes = {file.path: file.size for file in self._files.values()}
            groups = self._grouped if sizes == self._sizes else group_files(sizes.items())
            layers = tuple(self._layer(group) for group in groups)
            self._settle()
            self._remember([file for file in self._todo if (file.size or SMALL_BYTES) < SMALL_BYTES])
            self._seen.keep_notes(
                (self._note_key(layer.files), note_of(Descriptor(LAYER, layer.digest, layer.size))) for layer in layers
            )
        return layers

    def _check(self) -> None:
        here: dict[str, StoredFile] = {}

        def place(file: LockedFile) -> Optional[Callable[[], BinaryIO]]:
            if not here:  # Mostly nobody asks.
                here.update(self._stored(file for file in self._files.values() if file.path not in self._findings))
            return here[file.sha256].open if file.sha256 in here else None

        formats = check_formats(self._files.values(), place, self._options, self._seen, self._findings)
        for path, format in formats.items():
            self._files[path] = replace(self._files[path], format=format)

    def _find_chunks(self) -> None:
        """Complete large files that were not read now, from what is known of them or else from the store."""
        large = [file for file in self._files.values() if file.size > CHUNK_BYTES]
        keys = {file.sha256: f"chunks {CHUNK_BYTES} {file.sha256}" for file in large}
        notes = self._seen.notes(keys.values())
        before = {file.sha256: file.chunks for file in self._before.files} if self._before else {}
        here = self._stored(file for file in large if file.chunks is None and file.sha256 not in before)
        for file in large:
            if file.chunks is None and keys[file.sha256] in notes:
                chunks = json.loads(notes[keys[file.sha256]])
            elif file.chunks is None and file.sha256 in here:
                with here[file.sha256].open() as stream:
                    chunks = read_chunks(stream)
            else:
                chunks = file.chunks or before.get(file.sha256)
            self._files[file.path] = replace(file, chunks=chunks)
        found = (file for file in self._files.values() if file.chunks and keys[file.sha256] not in notes)
        self._seen.keep_notes((keys[file.sha256], json.dumps(file.chunks)) for file in found)

    def _stored(self, files: Iterable[LockedFile]) -> dict[str, StoredFile]:
        listed = list(files)
        if listed:
            self._settle()
            self._seen.flush()
        return find_stored(({"sha256": file.sha256, "size": file.size} for file in listed), self._store)

    def _layer(self, paths: Sequence[str]) -> LockedLayer:
        files = [self._files[path] for path in paths]
        found = self._layers.get(tuple(paths)) or self._noted_layer(paths) or self._hashed_layer(files)
        return LockedLayer(found.digest, found.size, tuple(paths))

    def _noted_layer(self, paths: Sequence[str]) -> Optional[Descriptor]:
        note = self._seen.note(self._note_key(paths))
        return Descriptor(LAYER, *json.loads(note)) if note else None

    def _hashed_layer(self, files: Sequence[LockedFile]) -> Descriptor:
        here = self._stored(files)
        missing = [file.to_json() for file in files if file.sha256 not in here]
        # The lock that is there makes files known that are not here, and may tell of their layer, too.
        found = self._before.layer_of(files) if missing and self._before else None
        if found is not None:
            return found
        if missing:
            # Other files share the layer now: its digest can only be told from their bytes.
            fetch_files(self._found.to_json(), missing, self._store, self._where, self._found.source)
            here = self._stored(files)
        return hash_layer(MODELS_FOLDER, [(file.path, here[file.sha256]) for file in files], self._where)

    def _note_key(self, paths: Sequence[str]) -> str:
        return note_key(MODELS_FOLDER, [vars(self._files[path]) for path in paths])
