"""A source whose files lie in a folder of the model artifact, whatever they are called at the source."""

from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Mapping

from modelkiln.sources.source import Listing, Source, SourceFile, Stamp, open_source

__all__ = ["InFolder", "open_recorded"]


class InFolder(Source):
    """source: what has the files. folder: relative and clean, as "encoder"."""

    def __init__(self, source: Source, folder: str) -> None:
        self._source, self._prefix = source, f"{folder}/"

    def inside(self, file: SourceFile) -> SourceFile:
        """Return a file of the source as it lies in the artifact."""
        return replace(file, path=self._prefix + file.path)

    def _at_source(self, file: SourceFile) -> SourceFile:
        return replace(file, path=file.path[len(self._prefix) :])

    def list(self) -> Listing:
        """Return what is there now, in the folder."""
        listing = self._source.list()
        return replace(listing, files=tuple(map(self.inside, listing.files)))

    def open(self, file: SourceFile, offset: int = 0) -> BinaryIO:
        """See `Source.open`."""
        return self._source.open(self._at_source(file), offset)

    def read(self, file: SourceFile) -> bytes:
        """See `Source.read`."""
        return self._source.read(self._at_source(file))

    def stamp(self, file: SourceFile) -> Stamp:
        """See `Source.stamp`."""
        return self._source.stamp(self._at_source(file))

    def listed_stamp(self, file: SourceFile) -> Stamp:
        """See `Source.listed_stamp`."""
        return self._source.listed_stamp(self._at_source(file))

    def place(self, file: SourceFile) -> str:
        """See `Source.place`."""
        return self._source.place(self._at_source(file))


def open_recorded(source: Mapping[str, Any], env: Mapping[str, str]) -> Source:
    """Return the source of a weights lock: {"uri", ...}, and "folder" where its files lie in one; see `open_source`."""
    opened = open_source(source["uri"], env, Path())
    return InFolder(opened, source["folder"]) if source.get("folder") else opened
