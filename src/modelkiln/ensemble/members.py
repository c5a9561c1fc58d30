"""What members of one ensemble share, and what keeps them apart: artifacts and code."""

from typing import Any, Iterable, Mapping, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.pinned_file import PinnedFile

__all__ = ["MEMBERS_FOLDER", "apart", "check_same", "inner_first", "merge_artifacts"]

# Where an ensemble has the code of members that must not meet that of others, relative to its own code.
MEMBERS_FOLDER = ".modelkiln/members"


def inner_first(top: str, members: Mapping[str, Sequence[str]]) -> list[str]:
    """Return `top` and all ensembles in it, each after those that are members of it.

    members: by address, of ensembles; a package has none. Raises ModelkilnError for one that contains itself.
    """
    order: list[str] = []
    trail: list[str] = []
    todo: list[tuple[str, bool]] = [(top, False)]
    while todo:
        address, is_left = todo.pop()
        if is_left:
            trail.pop()
            order.append(address)
        elif address in trail:
            circle = " -> ".join([*trail[trail.index(address) :], address])
            raise ModelkilnError(f"{address}: is an ensemble that contains itself: {circle}. Take out one of them.")
        elif address not in order and address in members:
            trail.append(address)
            todo += [(address, True), *((member, False) for member in reversed(members[address]))]
    return order


def check_same(where: str, field: str, values: Mapping[str, Any], remedy: str) -> None:
    """Refuse members that differ in what one image, process or environment has once. values: by member's name."""
    first = next(iter(values), "")
    for name, value in values.items():
        if value != values[first]:
            raise ModelkilnError(
                f'{where}: its members differ in {field}: "{first}" has {values[first]}, "{name}" has {value}. {remedy}'
            )


def merge_artifacts(where: str, artifacts: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return the record's entries of all members' model artifact files, by path; equal files may share one.

    Layers of weights are the members' own, and have their files at their paths: refused are two files for one.
    """
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for name, entries in artifacts.items():
        for entry in entries:
            owner, other = found.setdefault(entry["path"], (name, dict(entry)))
            if (other["sha256"], other["size"]) != (entry["sha256"], entry["size"]):
                raise ModelkilnError(
                    f'{where}: members "{owner}" and "{name}" have different model artifact files at '
                    f"{entry['path']}, and all lie in one folder. Rename the file in one of their artifacts, or put it "
                    "into a folder: next to the BUILD file, or for files of a lock with the field `folder` of the "
                    "`model_artifact` (and lock it again)."
                )
    _refuse_folders(where, {path: owner for path, (owner, _) in found.items()}, "model artifact files")
    return [entry for _, (_, entry) in sorted(found.items())]


def _refuse_folders(where: str, owners: Mapping[str, str], what: str) -> None:
    for path, owner in owners.items():
        for folder in _folders(path):
            if folder in owners:
                raise ModelkilnError(
                    f'{where}: member "{owners[folder]}" has {folder} among its {what}, which member "{owner}" has as '
                    "a folder. Rename one of the two, or put it into another folder."
                )


def _folders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def apart(code: Mapping[str, Iterable[PinnedFile]]) -> frozenset[str]:
    """Return the names of the members whose code cannot lie in one folder with that of another.

    code: by name, without the runtime. Files of one path may be equal: a library at one commit. Of members that
    exclude each other none stays, so that it does not depend on their order who does.
    """
    owners: dict[str, list[tuple[str, str]]] = {}
    for name, files in code.items():
        for file in files:
            owners.setdefault(file.path, []).append((name, file.sha256))
    found: set[str] = set()
    for path, those in owners.items():
        if len({sha256 for _, sha256 in those}) > 1:
            found.update(name for name, _ in those)
        for folder in _folders(path):
            if folder in owners:
                found.update(name for name, _ in (*those, *owners[folder]))
    return frozenset(found)
