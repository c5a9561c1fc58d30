"""Which of several wheels has a file that more than one of them installs, where somebody has decided.

A decision is by path, as RECORD has it (relative to site-packages): `LICENSE`, or `tests/` for all that is in that
folder. The wheels that lose are written anew without the file, so that what each of them records is what is there.
"""

from typing import Mapping, Optional, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.wheels.venv import InstalledWheel, Venv, place
from modelkiln.wheels.wheel import Wheel

__all__ = ["check_owners", "files_to_leave_out"]


def check_owners(owners: object, where: str) -> dict[str, str]:
    """Return decisions, package name (PEP 503) by path; raises ModelkilnError for what is none."""
    from packaging.utils import canonicalize_name

    if not isinstance(owners, Mapping) or not all(
        isinstance(text, str) and text for text in (*owners, *owners.values())
    ):
        raise ModelkilnError(
            f'{where}: {owners!r} is not a table from paths to packages, such as {{"tests/" = "numpy"}}.'
        )
    return {path: canonicalize_name(name) for path, name in owners.items()}


def files_to_leave_out(
    wheels: Sequence[Wheel], trees: Sequence[InstalledWheel], owners: Mapping[str, str], venv: Venv
) -> dict[str, list[str]]:
    """Return, by the name of a wheel, the paths in it of files that another wheel is to have.

    trees: each of `wheels` as installed in `venv`. Only files with different content count. Those of
    `.dist-info` and scripts that are generated are no files of the wheel, and stay.
    """
    from packaging.utils import canonicalize_name

    found: dict[str, list[str]] = {}
    names = [canonicalize_name(wheel.name) for wheel in wheels]
    kept = {}
    for name, tree in zip(names, trees):
        kept.update({entry.path: entry for entry in tree.entries if _owner(tree.relative(entry.path), owners) == name})
    for name, wheel, tree in zip(names, wheels, trees):
        theirs = {entry.path for entry in tree.entries if entry.path in kept and not kept[entry.path].same_as(entry)}
        inside = {place(wheel, file, venv)[1]: file.path for file in wheel.files} if theirs else {}
        paths = sorted(inside[path] for path in theirs if path in inside)
        if paths:
            found[name] = paths
    return found


def _owner(path: str, owners: Mapping[str, str]) -> Optional[str]:
    """The package that is to have a path: by the longest decision that names it."""
    matching = [one for one in owners if path == one or (one.endswith("/") and path.startswith(one))]
    return owners[max(matching, key=len)] if matching else None
