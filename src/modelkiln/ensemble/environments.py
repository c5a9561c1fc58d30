"""Which members of an ensemble share an environment: those whose wheels can lie in one folder."""

import hashlib
from typing import Any, Mapping, Sequence

from modelkiln.conventions import VENVS
from modelkiln.errors import ModelkilnError

__all__ = ["environment_path", "group_members", "refuse_several"]

_Wheels = Sequence[Mapping[str, Any]]


def group_members(wheels: Mapping[str, _Wheels]) -> list[tuple[str, ...]]:
    """Return the names of the members of each environment, in the order of `wheels`; that of the whole ensemble first.

    wheels: by member's name, as records hold them, each with its "modules", the "lock" that it is from and its name
    for people, "title". A member joins the first group that nothing keeps it apart from. The group with most bytes has
    the environment that the members' own images have, so that its layers are theirs.
    """
    groups: list[list[str]] = []
    for name, own in wheels.items():
        free = (group for group in groups if not any(_clash(wheels[other], own) for other in group))
        group = next(free, None)
        if group is None:
            groups.append([name])
        else:
            group.append(name)
    sizes = [sum({one["sha256"]: one["size"] for name in group for one in wheels[name]}.values()) for group in groups]
    largest = sizes.index(max(sizes)) if groups else 0
    first, others = groups[largest : largest + 1], groups[:largest] + groups[largest + 1 :]
    return [tuple(group) for group in (*first, *others)]


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


def refuse_several(where: str, wheels: _Wheels, others: Mapping[str, _Wheels], why: str) -> None:
    """Refuse an ensemble with several environments; others: wheels of those that are not its own, by path.

    why: a sentence, and what to do.
    """
    if others:
        found = next(filter(None, (_clash(wheels, own) for own in others.values())), "")
        raise ModelkilnError(
            f"{where}: the environments of its members exclude each other{f': {found}' if found else ''}. {why} "
            "Or lock all of them in one resolve (`resolve` or `accelerator` of the members)."
        )
