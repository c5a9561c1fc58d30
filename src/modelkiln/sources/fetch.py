"""Files of model artifacts from their source to the store, each kept by its hash alone."""

from pathlib import Path
from typing import Any, BinaryIO, Callable, Mapping, Sequence

from modelkiln.digest import iter_chunks
from modelkiln.machine import load_machine_env
from modelkiln.sources.source import SourceFile, open_source
from modelkiln.store import Store

__all__ = ["fetch_files", "source_opener"]


def fetch_files(source: Mapping[str, Any], files: Sequence[Mapping[str, Any]], store: Store, where: str) -> None:
    """Put `files` into `store` from the source of a weights lock.

    source: {"uri", "revision", ...}. files: objects with path, sha256 (hex), size (bytes), and
    version and locator where the lock has them. Raises ModelkilnError for other bytes.
    """
    open_file = source_opener(source, load_machine_env(store.root))
    for file in files:
        with store.writer(expected=f"sha256:{file['sha256']}") as blob, open_file(file) as stream:
            for chunk in iter_chunks(stream):
                blob.write(chunk)


def source_opener(source: Mapping[str, Any], env: Mapping[str, str]) -> Callable[[Mapping[str, Any]], BinaryIO]:
    """Return what opens one of `fetch_files`' files at its source; the bytes are not checked."""
    opened = open_source(source["uri"], env, Path())

    def open_file(file: Mapping[str, Any]) -> BinaryIO:
        version, locator = file.get("version", ""), file.get("locator", "")
        return opened.open(SourceFile(file["path"], file["size"], file["sha256"], version, locator))

    return open_file
