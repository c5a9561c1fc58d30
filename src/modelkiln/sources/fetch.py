"""Files of model artifacts from their source to the store, each kept by its hash alone."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, Callable, Mapping, Optional, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import load_machine_env
from modelkiln.progress import Progress
from modelkiln.sources.in_folder import open_recorded
from modelkiln.sources.local import LocalSource
from modelkiln.sources.source import Source, SourceFile, scheme_of
from modelkiln.sources.transfer import Transfer
from modelkiln.store.file_index import FileIndex
from modelkiln.store.store import Store

__all__ = ["fetch_files", "source_opener"]

_JOBS = 8


def fetch_files(
    source: Mapping[str, Any],
    files: Sequence[Mapping[str, Any]],
    store: Store,
    where: str,
    opened: Optional[Source] = None,
) -> None:
    """Put `files` into `store` from the source of a weights lock, several at once.

    source: {"uri", "revision", ...}. files: objects with path, sha256 (hex), size (bytes), and
    version and locator where the lock has them. opened: the source, where it is open already.
    Raises ModelkilnError for other bytes; a fetch that was cut goes on where it ended.
    """
    if opened is None:
        opened = open_recorded(source, load_machine_env(store.root))
    wanted = {file["sha256"]: _wanted(file) for file in files}
    with Progress(f"fetch {where}", sum(file.size or 0 for file in wanted.values())) as progress:
        fetch = _Fetch(source["uri"], opened, store, where, progress)
        with ThreadPoolExecutor(_JOBS) as pool:
            jobs = [pool.submit(fetch.run, file) for file in wanted.values()]
            try:
                for job in jobs:
                    job.result()
            finally:
                for job in jobs:
                    job.cancel()


def source_opener(source: Mapping[str, Any], env: Mapping[str, str]) -> Callable[..., BinaryIO]:
    """Return what opens one of `fetch_files`' files at its source, from a byte on; the bytes are not checked."""
    opened = open_recorded(source, env)
    return lambda file, offset=0: opened.open(_wanted(file), offset)


def _wanted(file: Mapping[str, Any]) -> SourceFile:
    return SourceFile(file["path"], file["size"], file["sha256"], file.get("version", ""), file.get("locator", ""))


class _Fetch:
    def __init__(self, uri: str, source: Source, store: Store, where: str, progress: Progress) -> None:
        self._uri, self._source, self._store, self._where = uri, source, store, where
        self._progress = progress
        self._index = FileIndex(store.root)

    def run(self, file: SourceFile) -> None:
        """Put one file into the store."""
        sha256 = file.sha256
        assert sha256 is not None
        is_local = scheme_of(self._uri) in ("", "file")
        # A relative path means something next to its lock alone; this machine knows where it was.
        for place in self._index.places(sha256) if is_local else ():
            if os.path.isfile(place) and os.path.getsize(place) == file.size and self._copy(place, file):
                return
        where = f"{self._where}: {file.path}"
        try:
            Transfer(self._source, file, self._store, self._progress, where).run(sha256)
        except ModelkilnError as error:
            if not is_local:
                raise
            raise ModelkilnError(
                f"{where}: is neither in the store {self._store.root} nor, with sha256 {sha256}, at its source "
                f"{self._uri!r} ({error}). Run `pants lock` where the file is, or put the file into the store."
            ) from None

    def _copy(self, place: str, file: SourceFile) -> bool:
        copy = SourceFile(os.path.basename(place), file.size, file.sha256)
        try:
            source = LocalSource(place, Path("/"))
            Transfer(source, copy, self._store, self._progress, place).run(file.sha256 or "")
            return True
        except ModelkilnError:
            return False  # It has other bytes now.
