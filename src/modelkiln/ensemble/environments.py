"""Which members of an ensemble share an environment: those that have one version of each distribution."""

import hashlib
from typing import Any, Mapping, Optional, Sequence

from modelkiln.conventions import VENVS
from modelkiln.errors import ModelkilnError

__all__ = ["environment_path", "group_members", "refuse_several"]

_Wheels = Sequence[Mapping[str, Any]]


def group_members(wheels: Mapping[str, _Wheels]) -> list[tuple[str, ...]]:
    """Return the names of the members of each environment, in the order of `wheels`; that of the whole ensemble first.

    wheels: by member's name, as records hold them. A member joins the first group that has no other version of one
    of its distributions. The group with most bytes has the environment that the members' own images have, so that
    its layers are theirs.
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


def _clash(one: _Wheels, other: _Wheels) -> Optional[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The first distribution of which two environments have different wheels."""
    known = {wheel["name"]: wheel for wheel in one}
    found = ((known[wheel["name"]], wheel) for wheel in other if wheel["name"] in known)
    return next(((ours, theirs) for ours, theirs in found if ours["sha256"] != theirs["sha256"]), None)


def environment_path(wheels: _Wheels) -> str:
    """Return where an image has these wheels apart from its own, relative to its root.

    It depends on the wheels alone: ensembles that have them in common share their layers, whatever their members are
    called.
    """
    lines = sorted(f"{wheel['sha256']}  {wheel['name']}\n" for wheel in wheels)
    return f"{VENVS}/{hashlib.sha256(''.join(lines).encode()).hexdigest()[:12]}"


def refuse_several(where: str, wheels: _Wheels, others: Mapping[str, _Wheels], why: str) -> None:
    """Refuse an ensemble with several environments; others: wheels of those that are not its own, by path.

    why: a clause, and what to do without it.
    """
    for own in others.values():
        clash = _clash(wheels, own)
        if clash:
            versions = " and ".join(f"{one['version']} ({one['filename']})" for one in clash)
            raise ModelkilnError(
                f"{where}: the environments of its members exclude each other: {clash[0]['name']} {versions}. {why} "
                "Or lock all of them in one resolve (`resolve` or `accelerator` of the members)."
            )
