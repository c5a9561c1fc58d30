"""What the record of an ensemble says of its members and steps."""

from types import MappingProxyType
from typing import Any, Mapping, Sequence

from modelkiln.ensemble.members import MEMBERS_FOLDER
from modelkiln.ensemble.step import Step
from modelkiln.wheels.cuda_libraries import library_folders

__all__ = ["SCRIPT", "describe"]

# The entry point of every ensemble: of what travels in it, see `modelkiln.runtime.ensemble`.
SCRIPT = "modelkiln.runtime.ensemble.script:Ensemble"
_NONE: Mapping[str, Any] = MappingProxyType({})


def describe(
    members: Mapping[str, Mapping[str, Any]],
    apart: frozenset[str],
    steps: Sequence[Step],
    combine: str = "",
    places: Mapping[str, str] = _NONE,
    environments: Mapping[str, Sequence[Mapping[str, Any]]] = _NONE,
) -> dict[str, Any]:
    """Return the object that the record has under "ensemble".

    members: their records by name. apart: those with a folder and a process of their own. combine: "module:callable".
    places: of those with an environment that is not the ensemble's, its path in the image. environments: the wheels
    of all of these by their paths, also of those within members.
    """
    described = {name: _member(name, record, name in apart) for name, record in members.items()}
    for name, path in places.items():
        # What LD_LIBRARY_PATH has to name is relative to site-packages.
        libraries = library_folders(environments[path])
        described[name].update(environment=path, **({"libraries": libraries} if libraries else {}))
    listed = {path: {"requirements": list(wheels)} for path, wheels in environments.items()}
    return {
        "members": described,
        "steps": [step.to_json() for step in steps],
        **({"combine": combine} if combine else {}),
        **({"environments": listed} if listed else {}),
    }


def _member(name: str, record: Mapping[str, Any], is_apart: bool) -> dict[str, Any]:
    called = {key: record[key] for key in ("name", "version", "package_digest", "entry_point", "signature")}
    # Of an ensemble within this one: its script would look for the record of the package that it is. Environments are
    # listed once, those of the whole.
    nested = {key: value for key, value in record.get("ensemble", {}).items() if key != "environments"}
    # Its process looks for what the host provides by itself.
    provided = {"provided": record["provided"]} if is_apart and record.get("provided") else {}
    code = {"code": f"{MEMBERS_FOLDER}/{name}"} if is_apart else {}
    return {**called, **({"ensemble": nested} if nested else {}), **code, **provided}
