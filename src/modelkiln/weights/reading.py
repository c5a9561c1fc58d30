"""Reads the files of a model artifact, each once, into the store, and hashes them on the way."""

import hashlib
import io
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from typing import Callable, Iterator, Optional, Sequence

from modelkiln.archives.tar import Entry, sorted_entries, tar_header, tar_padding
from modelkiln.checks.check import Finding, Options, check_file
from modelkiln.conventions import MODELS_FOLDER
from modelkiln.descriptor import Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.network.http import NETWORK_ERRORS, with_retries
from modelkiln.progress import StoppableProgress
from modelkiln.sources.source import SourceFile
from modelkiln.sources.transfer import Transfer
from modelkiln.store.file_batch import SMALL_BYTES, SmallFiles
from modelkiln.store.file_index import FileIndex
from modelkiln.store.file_tar import FileTar
from modelkiln.store.store import Store
from modelkiln.weights.chunks import ChunkDigests
from modelkiln.weights.grouping import group_files
from modelkiln.weights.known_files import known_files, stamps_of
from modelkiln.weights.layer_digest import LayerHash
from modelkiln.weights.lock import LockedFile, WeightsLock
from modelkiln.weights.selection import FoundFiles

__all__ = ["Reading"]

# Transfers at once: a network's latency is hidden by many, a disk is kept busy by few.
_REMOTE_JOBS, _LOCAL_JOBS = 8, 2
# Small files of one job: a job of its own for each would cost more than reading it.
_SMALL_JOB = 64
# From so many small files of this machine on they become one blob and not one each.
_TAR_FILES = 16


class Reading:
    """What has to be read of found files, and what was learnt of them.

    files: by path, those that were known before included. layers: by the paths of a layer, what its bytes
    were when they were read. findings: of the checks, by path. sizes, grouped: as they were listed, sizes by
    path and the paths of each layer. todo: files that are read.
    """

    def __init__(self, found: FoundFiles, store: Store, known: Optional[WeightsLock], options: Options) -> None:
        self._options = options
        self._found, self._store = found, store
        self._where = found.wanted.where
        self.index = FileIndex(store.root)
        self.small = SmallFiles(store)
        self._stamps = stamps_of(found)
        self.files = {file.path: file for file in known_files(found, store, known, self._stamps)}
        # By the paths of a layer: what its bytes were when they were read.
        self.layers: dict[tuple[str, ...], Descriptor] = {}
        # Blobs of many small files which the disk may still be busy with.
        self._tars: list[FileTar] = []
        self.findings: dict[str, Finding] = {}
        # As they were listed: sizes by path, and the paths of each layer.
        self.sizes: dict[str, int] = {}
        self.grouped: list[list[str]] = []
        todo = [file for file in found.files if file.path not in self.files]
        sizes = [file.size for file in todo]
        total = None if None in sizes else sum(size for size in sizes if size is not None)
        self.progress = StoppableProgress(f"lock {self._where}", total)
        self.todo, self._read = todo, {file.path for file in todo}

    def run(self) -> None:
        """Do all jobs, or those that are being done until one fails: its error is raised when they have ended."""
        jobs = list(self._jobs())
        is_local = any(self._found.source.place(file) for file in self.todo[:1])
        with ThreadPoolExecutor(_LOCAL_JOBS if is_local else _REMOTE_JOBS) as pool:
            running = [pool.submit(job) for job in jobs]
            try:
                done, _ = wait(running, return_when=FIRST_EXCEPTION)
                for one in done:
                    one.result()
            except BaseException:
                self.progress.stop()
                for one in running:
                    one.cancel()
                raise

    def keep(self) -> None:
        """Put into the store, and remember, what was read before an error."""
        with suppress(ModelkilnError):  # The error that is being raised comes first.
            self.small.flush()
            self.settle()
        self.remember([file for file in self.todo if file.path in self.files])

    def discard(self) -> None:
        """Drop what has not become a blob."""
        self.small.discard()
        for tar in self._tars:
            tar.discard()

    def _jobs(self) -> Iterator[Callable[[], None]]:
        """What can be done at the same time: large files one by one, small ones together."""
        todo = {file.path: file for file in self.todo}
        groups = self._groups()
        is_local = any(self._found.source.place(file) for file in self.todo[:1])
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
        sizes.update((path, file.size) for path, file in self.files.items())
        if None in sizes.values():
            return []
        self.sizes = {path: size for path, size in sizes.items() if size is not None}
        self.grouped = group_files(self.sizes.items())
        return [group for group in self.grouped if not self._read.isdisjoint(group)]

    def _read_large(self, file: SourceFile, *layers: LayerHash) -> None:
        stamp = self._stamps[file.path]
        key = hashlib.sha256(stamp.text.encode("utf-8", "surrogateescape")).hexdigest() if stamp.text else ""
        where, chunks = f"{self._where}: {file.path}", ChunkDigests()
        read = Transfer(self._found.source, file, self._store, self.progress, where).run(key, (chunks, *layers))
        self._check_unchanged(file)
        locked = LockedFile(file.path, read.sha256, read.size, file.version, file.locator, chunks=chunks.to_json())
        self.files[file.path] = locked
        self.remember([file])

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
            with suppress(ModelkilnError):  # The error that is being raised comes first.
                if tar is not None:
                    tar.discard() if tar.is_empty else self._end_tar(tar)
            raise
        found = [layer.end()] if layer is not None else []
        found += [self._end_tar(tar)] if tar is not None else []
        self.layers[tuple(sorted(file.path for file in files))] = found[0]

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
            tar.add(entry, data, sha256) if tar is not None else self.small.add(data, sha256)
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

    def settle(self) -> None:
        """Make blobs of all tars that the disk is still busy with."""
        taken, self._tars = self._tars, []
        errors = []
        for tar in taken:
            try:
                tar.settle()
            except ModelkilnError as error:
                errors.append(error)
            self.index.put_tar_members(tar.rows)
        if errors:
            raise errors[0]

    def _read_all_of(self, files: Sequence[SourceFile]) -> None:
        for file in files:
            self.small.add(*self._read_small(file))

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
        self.findings[file.path] = check_file(file.path, partial(io.BytesIO, data), len(data), self._options)
        self.files[file.path] = LockedFile(file.path, sha256, len(data), file.version, file.locator)
        self.progress.add(len(data))
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

    def remember(self, files: Sequence[SourceFile]) -> None:
        """Keep what was learnt of files that are in the store."""
        rows = []
        for file in files:
            stamp, locked = self._stamps[file.path], self.files[file.path]
            if stamp.text and stamp.is_conclusive:
                rows.append((stamp.text, locked.sha256, locked.size, self._found.source.place(file)))
        if rows:
            self.index.put_files(rows)
