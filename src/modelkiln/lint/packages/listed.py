"""Subjects that a JSON document lists, with their files in folders: what `pants lint` hands over."""

import json
from functools import partial
from pathlib import Path
from typing import Any, Mapping, Optional

from modelkiln.lint.selection import Selection
from modelkiln.lint.subject import ArtifactFile, Distribution, RequirementFile, SourceFile, Subject

__all__ = ["LARGEST_FILE", "LARGEST_SOURCE", "read_listed"]

# Files beside code, and files of artifacts, up to these sizes in bytes are handed over with their contents.
LARGEST_SOURCE = 2 << 20
LARGEST_FILE = 64 << 20


def read_listed(path: Path) -> list[tuple[Subject, Selection]]:
    """Return each subject of the document at `path`, beside which its folders lie, and what its target ignores."""
    listed = json.loads(path.read_bytes())
    return [(_subject(one, path.parent), _ignored(one)) for one in listed]


def _ignored(described: Mapping[str, Any]) -> Selection:
    where = f"{described['name']}: the field `lint_ignore`"
    return Selection(ignore=tuple(described.get("ignore") or ())).checked(where)


def _subject(described: Mapping[str, Any], root: Path) -> Subject:
    distributions = described.get("distributions")
    files = root / described["file_folder"]
    origins = described.get("origins") or {}
    return Subject(
        name=described["name"],
        sources=tuple(_sources(root / described["code_folder"], origins)),
        other_files=tuple(described.get("other_files") or ()),
        entry_point=described.get("entry_point") or "",
        artifacts=tuple(_artifact(one, files / one["path"]) for one in described.get("artifacts") or ()),
        distributions=None if distributions is None else tuple(map(_distribution, distributions)),
        requirement_files=tuple(_lock(root / one, one) for one in described.get("locks") or ()),
        record=described.get("record") or {},
        target=described.get("target") or {},
    )


def _sources(folder: Path, origins: Mapping[str, str]) -> list[SourceFile]:
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            found.append(SourceFile(name, path.read_bytes(), origins.get(name, "")))
    return found


def _artifact(entry: Mapping[str, Any], path: Path) -> ArtifactFile:
    opening: Optional[Any] = partial(path.open, "rb") if path.is_file() else None
    return ArtifactFile.from_json(entry, opening)


def _distribution(value: Mapping[str, Any]) -> Distribution:
    return Distribution(value["name"], value["version"], tuple(value.get("requires") or ()))


def _lock(path: Path, name: str) -> RequirementFile:
    return RequirementFile(name.partition("/")[2], path.read_bytes() if path.is_file() else b"")
