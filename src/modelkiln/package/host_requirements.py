"""What a package requires of its host: the key `requires` of its metadata."""

from typing import Any, Mapping, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.runtime.start.host import ARM_FEATURES, LEVELS, X86_FEATURES, parse_size

__all__ = ["check_host_requirements", "host_labels"]

_SIZES = ("memory", "device_memory")
_FORM = '{"memory": "8 GiB", "device_memory": "16 GiB", "cpu": ["avx2"]}'
_KNOWN = X86_FEATURES | ARM_FEATURES | frozenset(LEVELS)


def check_host_requirements(value: Any, where: str) -> None:
    """Refuse what a start could not compare with a host; raises ModelkilnError."""
    where = f"{where}: metadata: requires"
    if not isinstance(value, Mapping):
        raise ModelkilnError(f"{where} = {value!r} is not a dictionary, as in {_FORM}.")
    unknown = sorted(set(value) - {*_SIZES, "cpu"})
    if unknown:
        raise ModelkilnError(f"{where}: unknown key {unknown[0]!r}; known are memory, device_memory and cpu.")
    for name in (name for name in _SIZES if name in value):
        try:
            parse_size(value[name])
        except ValueError as error:
            raise ModelkilnError(f"{where}: {name}: {error}.") from None
    _check_features(value.get("cpu", []), where)


def _check_features(features: Any, where: str) -> None:
    if isinstance(features, str) or not isinstance(features, Sequence):
        raise ModelkilnError(f"{where}: cpu = {features!r} is not a list of features, as in {_FORM}.")
    for name in features:
        if name not in _KNOWN:
            import difflib  # Of a mistake alone.

            near = difflib.get_close_matches(str(name).lower().replace("-", "_").replace(".", "_"), _KNOWN, 3, 0.7)
            hint = f", such as {' or '.join(near)}" if near else ""
            raise ModelkilnError(
                f"{where}: cpu: {name!r} is not a feature that code is compiled for. Write it as /proc/cpuinfo of a "
                f"machine has it{hint}, or one of {', '.join(LEVELS)}."
            )


def host_labels(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels of what the record of a package requires of its host."""
    requires = record["metadata"].get("requires")
    found = dict(requires) if isinstance(requires, Mapping) else {}
    found.update({"cpu": ",".join(found["cpu"])} if found.get("cpu") else {})
    return {f"modelkiln.package.requires.{key}": value for key, value in sorted(found.items()) if value}
