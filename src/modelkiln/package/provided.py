"""Provided requirements: packages that a package must not contain, each with the reason."""

import re
from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Sequence

from modelkiln.errors import ModelkilnError

__all__ = ["ProvidedRequirement", "check_locked", "provided_label", "read_provided", "without_provided"]

# What the runtime imports before it can look for anything.
_OF_RUNTIME = "numpy"
_FORM = '{"tensorrt>=10.3,<11": "NVIDIA\'s license does not let us distribute it"}'
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


@dataclass(frozen=True)
class ProvidedRequirement:
    """name: canonical (PEP 503). specifier: of its versions, "<11,>=10.3", or "". modules: what a start imports."""

    name: str
    specifier: str
    modules: tuple[str, ...]
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return it as records have it."""
        return {**vars(self), "modules": list(self.modules)}

    def allows(self, version: str) -> bool:
        """Whether it can be of this version."""
        from packaging.specifiers import SpecifierSet

        return SpecifierSet(self.specifier).contains(version, prereleases=True)


def read_provided(value: Mapping[str, Any], where: str) -> tuple[ProvidedRequirement, ...]:
    """Read the field `provided_requirements`, sorted by name.

    value: by requirement the reason, or a table with `reason` and `modules`. Raises ModelkilnError for a
    requirement that is not a name with versions, and for one without a reason.
    """
    found = [_read(str(text), stated, f"{where}: provided_requirements: {text!r}") for text, stated in value.items()]
    names = sorted(one.name for one in found)
    for name, following in zip(names, names[1:]):
        if name == following:
            raise ModelkilnError(f"{where}: provided_requirements: {name} is there twice. Write one requirement of it.")
    return tuple(sorted(found, key=lambda one: one.name))


def _read(text: str, stated: Any, where: str) -> ProvidedRequirement:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise ModelkilnError(f"{where} is not a requirement (PEP 508): {error}. Write it as in {_FORM}.") from None
    if requirement.url or requirement.marker or requirement.extras:
        raise ModelkilnError(
            f"{where} is more than a name with versions: extras, markers and URLs cannot be checked when the package "
            f"starts. Write it as in {_FORM}."
        )
    name = canonicalize_name(requirement.name)
    if name == _OF_RUNTIME:
        raise ModelkilnError(f"{where}: every package contains {name}, in which its runtime hands tensors over.")
    table = stated if isinstance(stated, Mapping) else {"reason": stated}
    unknown = sorted(set(table) - {"reason", "modules"})
    if unknown:
        raise ModelkilnError(f"{where}: unknown key {unknown[0]!r}; known are reason and modules.")
    reason = table.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise ModelkilnError(
            f"{where} has no reason. State why the package must not contain it, for those who run it, as in {_FORM}."
        )
    modules = _modules(table.get("modules", [name.replace("-", "_")]), where)
    return ProvidedRequirement(name, str(requirement.specifier), modules, " ".join(reason.split()))


def _modules(value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        raise ModelkilnError(f'{where}: modules = {value!r} is not a list of modules, as in ["tensorrt"].')
    for one in value:
        if not isinstance(one, str) or not _MODULE.fullmatch(one):
            raise ModelkilnError(f'{where}: module {one!r} is not a name of a Python module, such as "tensorrt".')
    return tuple(value)


def without_provided(requirements: Iterable[str], provided: Iterable[ProvidedRequirement]) -> tuple[str, ...]:
    """Return the requirements of a package's code that it has to satisfy itself."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    names = {one.name for one in provided}
    if not names:
        return tuple(requirements)
    return tuple(text for text in requirements if canonicalize_name(Requirement(text).name) not in names)


def check_locked(provided: Iterable[ProvidedRequirement], wheels: Iterable[Mapping[str, Any]], where: str) -> None:
    """Refuse a lock that has another version of a provided requirement than the package accepts.

    With one that it accepts, code is checked and tests are run; the package leaves it out.
    """
    versions = {wheel["name"]: wheel["version"] for wheel in wheels}
    for one in provided:
        version = versions.get(one.name)
        if version is not None and not one.allows(version):
            raise ModelkilnError(
                f"{where} has {one.name} {version}, and `provided_requirements` says {one.name}{one.specifier}. "
                "Lock a version that the package accepts, or change what it accepts."
            )


def provided_label(record: Mapping[str, Any]) -> str:
    """Return the requirements that the record of a package has as provided, separated by spaces."""
    return " ".join(f"{one['name']}{one['specifier']}" for one in record.get("provided") or ())
