"""What an ensemble needs of its host: all that its members need."""

from typing import Any, Iterable, Mapping, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.runtime.start.host import parse_size

__all__ = ["merge_provided", "merge_requires"]


def merge_provided(where: str, members: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the requirements that the host provides, of all members, sorted by name; as records have them.

    members: their records by name. Of one requirement every version that a member excludes is excluded. Raises
    ModelkilnError where a member contains what another one must not.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, record in members.items():
        for one in record.get("provided") or ():
            _refuse_contained(where, name, one, members)
            known = found.setdefault(one["name"], {**one, "specifier": "", "modules": []})
            known["specifier"] = _joined([known["specifier"], one["specifier"]])
            known["modules"] = list(dict.fromkeys([*known["modules"], *one["modules"]]))
    return [one for _, one in sorted(found.items())]


def _refuse_contained(where: str, name: str, one: Mapping[str, Any], members: Mapping[str, Mapping[str, Any]]) -> None:
    for other, record in members.items():
        if one["name"] in {requirement["name"] for requirement in record["requirements"]}:
            raise ModelkilnError(
                f'{where}: member "{name}" must not contain {one["name"]} (`provided_requirements`: {one["reason"]}), '
                f'and member "{other}" contains it: an ensemble asks its host once. Let the host provide it for both.'
            )


def _joined(specifiers: Iterable[str]) -> str:
    return ",".join(sorted({clause for text in specifiers for clause in text.split(",") if clause}))


def merge_requires(own: Mapping[str, Any], members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return an ensemble's metadata with what its members require of a host under "requires".

    Of sizes the largest counts, since no member says how much of it is shared; an ensemble that states its own is
    believed. members: their metadata.
    """
    found: dict[str, Any] = {}
    for metadata in members:
        requires = metadata.get("requires") or {}
        for key in ("memory", "device_memory"):
            if key in requires:
                found[key] = max(found.get(key, requires[key]), requires[key], key=parse_size)
        if requires.get("cpu"):
            found["cpu"] = sorted({*found.get("cpu", ()), *requires["cpu"]})
    stated = own.get("requires") or {}
    merged = {**found, **stated}
    if "cpu" in found and "cpu" in stated:
        merged["cpu"] = sorted({*found["cpu"], *stated["cpu"]})
    return {**own, **({"requires": merged} if merged else {})}
