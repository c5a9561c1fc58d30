"""A source of model artifacts that does what a test asks of it, where no real server could be made to.

Use it by its scheme: `monkeypatch.setitem(SCHEMES, "scripted", "samples.scripted_source")`.
"""

import io
from typing import Callable, Dict, List, Optional

from modelkiln.sources.source import Listing, Source, SourceFile

__all__ = ["Script", "open_source", "scripts"]


class Script(Source):
    """Files by path. wrap: gets each stream that is opened. opened: (path, offset) of each."""

    def __init__(self, files: Dict[str, bytes], version: str = "1", sizes: bool = True) -> None:
        self.files, self.version, self.sizes = files, version, sizes
        self.listed: Optional[List[SourceFile]] = None
        self.wrap: Callable[[io.BytesIO], io.BytesIO] = lambda stream: stream
        self.opened: List[tuple] = []
        self.facts: Dict[str, object] = {}

    def list(self) -> Listing:
        files = [
            SourceFile(path, len(data) if self.sizes else None, version=self.version)
            for path, data in self.files.items()
        ]
        return Listing("scripted:x", "r1", tuple(self.listed or files), self.facts)

    def open(self, file: SourceFile, offset: int = 0):
        self.opened.append((file.path, offset))
        stream = io.BytesIO(self.files[file.path])
        stream.seek(offset)
        return self.wrap(stream)


scripts: Dict[str, Script] = {}


def open_source(uri, env, folder) -> Script:
    """Return the script that the URI names."""
    return scripts[uri]
