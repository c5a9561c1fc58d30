"""Subjects that a JSON document lists, with their files by content next to it: what `pants lint` hands over."""

import json
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Callable, Collection, Mapping, Optional

from modelkiln.lint.selection import Selection
from modelkiln.lint.subject import ArtifactFile, ArtifactTarget, Distribution, RequirementFile, SourceFile, Subject

__all__ = ["FILES", "LARGEST_FILE", "LARGEST_SOURCE", "read_listed"]

# Files beside code, and files of artifacts, up to these sizes in bytes are handed over with their contents.
LARGEST_SOURCE = 2 << 20
LARGEST_FILE = 64 << 20
# Next to the document: each file once, by its sha256.
FILES = "files"


def read_listed(path: Path, repository: Optional[Path] = None) -> list[tuple[Subject, Selection]]:
    """Return each subject of the document at `path`, and what its target ignores. repository: a folder with files of
    the repository as they are now; they stand for those of the document."""
    reader = _Reader(path.parent, repository)
    return [(reader.subject(one), _ignored(one)) for one in json.loads(path.read_bytes())]


def _ignored(described: Mapping[str, Any]) -> Selection:
    where = f"{described['name']}: the field `lint_ignore`"
    return Selection(ignore=tuple(described.get("ignore") or ())).checked(where)


class _Reader:
    """Reads each file once, and makes one value of what several subjects share: rules look at that once, too."""

    def __init__(self, root: Path, repository: Optional[Path]) -> None:
        self._root, self._files, self._repository = root, root / FILES, repository
        self._contents: dict[Path, bytes] = {}
        self._openers: dict[str, Callable[[], BinaryIO]] = {}

    def subject(self, described: Mapping[str, Any]) -> Subject:
        """Return the subject that an object of the document describes."""
        distributions = described.get("distributions")
        at_hand = frozenset(described.get("at_hand") or ())
        return Subject(
            name=described["name"],
            sources=tuple(map(self._source, described.get("sources") or ())),
            other_files=tuple(described.get("other_files") or ()),
            entry_point=described.get("entry_point") or "",
            artifacts=tuple(self._artifact(one, at_hand) for one in described.get("artifacts") or ()),
            distributions=None if distributions is None else tuple(map(_distribution, distributions)),
            requirement_files=tuple(map(self._lock, described.get("locks") or ())),
            record=described.get("record") or {},
            target=described.get("target") or {},
            artifact_targets=tuple(map(_artifact_target, described.get("artifact_targets") or ())),
        )

    def _content(self, path: Path) -> bytes:
        if path not in self._contents:
            self._contents[path] = path.read_bytes()
        return self._contents[path]

    def _source(self, described: Mapping[str, str]) -> SourceFile:
        path = self._files / described["sha256"]
        if self._repository and (self._repository / described["origin"]).is_file():
            path = self._repository / described["origin"]
        return SourceFile(described["path"], self._content(path), described["origin"])

    def _artifact(self, entry: Mapping[str, Any], at_hand: Collection[str]) -> ArtifactFile:
        name = entry.get("sha256", "")
        if name not in at_hand:
            return ArtifactFile.from_json(entry)
        return ArtifactFile.from_json(entry, self._openers.setdefault(name, partial((self._files / name).open, "rb")))

    def _lock(self, name: str) -> RequirementFile:
        path = self._root / name
        return RequirementFile(name.partition("/")[2], self._content(path) if path.is_file() else b"")


def _distribution(value: Mapping[str, Any]) -> Distribution:
    return Distribution(value["name"], value["version"], tuple(value.get("requires") or ()))


def _artifact_target(value: Mapping[str, Any]) -> ArtifactTarget:
    return ArtifactTarget(value["address"], tuple(value["paths"]), bool(value.get("is_locked")))
