"""Which members of an ensemble share an environment: those whose wheels can lie in one folder."""

import hashlib
import re
from types import MappingProxyType
from typing import Any, Mapping, Sequence

from modelkiln.conventions import VENV, VENVS
from modelkiln.errors import ModelkilnError

__all__ = ["check_places", "declared_path", "environment_path", "group_members", "refuse_several", "relocation_notice"]

_Wheels = Sequence[Mapping[str, Any]]
_NONE: Mapping[str, str] = MappingProxyType({})
_FOLDER = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
# As `environment_path` names them.
_DERIVED = re.compile(r"[0-9a-f]{12}")


def declared_path(folder: str, where: str) -> str:
    """Return where an image has the environment of a package that declares `folder`, relative to the image's root.

    Raises ModelkilnError for what is not the name of a folder.
    """
    if not folder:
        return VENV
    if not _FOLDER.fullmatch(folder) or _DERIVED.fullmatch(folder):
        raise ModelkilnError(
            f"{where}: `environment_folder` is {folder!r}; it must be the name of a folder below /{VENVS}, of at most "
            "63 small letters, digits, `_`, `-` and `.`, and not 12 hexadecimal digits, as ensembles call theirs."
        )
    return f"{VENVS}/{folder}"


def group_members(wheels: Mapping[str, _Wheels], places: Mapping[str, str] = _NONE) -> list[tuple[str, ...]]:
    """Return the names of the members of each environment, in the order of `wheels`; that of the whole ensemble first.

    wheels: by member's name, as records hold them, each with its "modules", the "lock" that it is from and its name
    for people, "title". places: where the environment of a member's own image lies, if it is not where most images
    have it: members of one such place are together (`check_places` refuses those that exclude each other), and with
    no others. Else a member joins the first group that nothing keeps it apart from. Of these groups, the one with most
    bytes has the environment that the members' own images have, so that its layers are theirs.
    """
    groups: list[list[str]] = []
    for name, own in wheels.items():
        place = places.get(name, VENV)
        alike = [group for group in groups if places.get(group[0], VENV) == place]
        free = (group for group in alike if place != VENV or not any(_clash(wheels[other], own) for other in group))
        group = next(free, None)
        if group is None:
            groups.append([name])
        else:
            group.append(name)
    sizes = [
        (
            places.get(group[0], VENV) == VENV,
            sum({one["sha256"]: one["size"] for name in group for one in wheels[name]}.values()),
        )
        for group in groups
    ]
    largest = sizes.index(max(sizes)) if groups else 0
    first, others = groups[largest : largest + 1], groups[:largest] + groups[largest + 1 :]
    return [tuple(group) for group in (*first, *others)]


def check_places(where: str, places: Mapping[str, Mapping[str, _Wheels]]) -> None:
    """Refuse members that declare one place for environments which exclude each other.

    places: by path, the wheels of each member that has its environment there, as `group_members` wants them.
    """
    for path, members in places.items():
        known: dict[str, _Wheels] = {}
        for name, wheels in members.items():
            for other, those in known.items():
                found = _clash(those, wheels)
                if found:
                    raise ModelkilnError(
                        f'{where}: members "{other}" and "{name}" have one place for their environments, /{path}, and '
                        f"these exclude each other: {found}. Give one of the two packages another `environment_folder`."
                    )
            known[name] = wheels


def _clash(one: _Wheels, other: _Wheels) -> str:
    """What keeps two environments apart, in words; "" where nothing does.

    Two files of one distribution do, and two distributions of different locks with one module: in one environment
    the files of one of them would lie over those of the other.
    """
    ours, theirs = ({wheel["name"]: wheel for wheel in wheels} for wheels in (one, other))
    for name in sorted(ours.keys() & theirs.keys()):
        if ours[name]["sha256"] != theirs[name]["sha256"]:
            both = " and ".join(f"{wheel['version']} ({wheel['filename']})" for wheel in (ours[name], theirs[name]))
            return f"{ours[name].get('title', name)} {both}"
    modules = {module: ours[name] for name in sorted(ours.keys() - theirs.keys()) for module in _modules(ours[name])}
    for name in sorted(theirs.keys() - ours.keys()):
        for module in _modules(theirs[name]):
            known = modules.get(module)
            if known and known["lock"] != theirs[name]["lock"]:
                both = " and ".join(f"{wheel['title']} {wheel['version']}" for wheel in (known, theirs[name]))
                return f"{both}, which both have the module {module}"
    return ""


def _modules(wheel: Mapping[str, Any]) -> Sequence[str]:
    return wheel.get("modules", ())


def environment_path(wheels: _Wheels) -> str:
    """Return where an image has these wheels apart from its own, relative to its root.

    It depends on the wheels alone: ensembles that have them in common share their layers, whatever their members are
    called.
    """
    lines = sorted(f"{wheel['sha256']}  {wheel['name']}\n" for wheel in wheels)
    return f"{VENVS}/{hashlib.sha256(''.join(lines).encode()).hexdigest()[:12]}"


def relocation_notice(where: str, members: Sequence[str], path: str) -> str:
    """Return what to say of members whose wheels an ensemble has elsewhere than their own images have them.

    members: addresses, of packages and of ensembles within this one.
    """
    listed = " and ".join(members)
    return (
        f"{where}: the wheels of {listed} are packed once more, for /{path}: those of its other members exclude them. "
        f"With a name in the field `environment_folder` of {listed}, all layers of the ensemble's wheels are those of "
        "its members' own images."
    )


def refuse_several(where: str, wheels: _Wheels, others: Mapping[str, _Wheels], why: str) -> None:
    """Refuse an ensemble with several environments; others: wheels of those that are not its own, by path.

    why: a sentence, and what to do.
    """
    if not others:
        return
    found = next(filter(None, (_clash(wheels, own) for own in others.values())), "")
    declared = [path for path in others if not _DERIVED.fullmatch(path[len(VENVS) + 1 :])]
    if not found and declared:
        raise ModelkilnError(
            f"{where}: members of it have environments of their own, at /{', /'.join(declared)}. {why} Or leave the "
            "field `environment_folder` out of the members: their wheels do not exclude each other."
        )
    raise ModelkilnError(
        f"{where}: the environments of its members exclude each other{f': {found}' if found else ''}. {why} "
        "Or lock all of them in one resolve (`resolve` or `accelerator` of the members)."
    )
