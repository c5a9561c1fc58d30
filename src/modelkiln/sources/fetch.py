"""Files of model artifacts from their source to the store, each kept by its hash alone."""

from pathlib import Path
from typing import Any, Mapping, Sequence

from modelkiln.digest import iter_chunks
from modelkiln.machine import load_machine_env
from modelkiln.sources.source import SourceFile, open_source
from modelkiln.store import Store

__all__ = ["fetch_files"]


def fetch_files(source: Mapping[str, Any], files: Sequence[Mapping[str, Any]], store: Store, where: str) -> None:
    """Put `files` into `store` from the source of a weights lock.

    source: {"uri", "revision", ...}. files: objects with path, sha256 (hex), size (bytes), and
    version and locator where the lock has them. Raises ModelkilnError for other bytes.
    """
    opened = open_source(source["uri"], load_machine_env(store.root), Path())
    for file in files:
        wanted = SourceFile(
            file["path"], file["size"], file["sha256"], file.get("version", ""), file.get("locator", "")
        )
        with store.writer(expected=f"sha256:{file['sha256']}") as blob, opened.open(wanted) as stream:
            for chunk in iter_chunks(stream):
                blob.write(chunk)
