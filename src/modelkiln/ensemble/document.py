"""What the record of an ensemble says of its members and steps."""

from typing import Any, Mapping, Sequence

from modelkiln.ensemble.members import MEMBERS_FOLDER
from modelkiln.ensemble.step import Step

__all__ = ["SCRIPT", "describe"]

# The entry point of every ensemble: of what travels in it, see `modelkiln.runtime.ensemble`.
SCRIPT = "modelkiln.runtime.ensemble.script:Ensemble"


def describe(
    members: Mapping[str, Mapping[str, Any]], apart: frozenset[str], steps: Sequence[Step], combine: str = ""
) -> dict[str, Any]:
    """Return the object that the record has under "ensemble".

    members: their records by name. apart: those with a folder and a process of their own. combine: "module:callable".
    """
    return {
        "members": {name: _member(name, record, name in apart) for name, record in members.items()},
        "steps": [step.to_json() for step in steps],
        **({"combine": combine} if combine else {}),
    }


def _member(name: str, record: Mapping[str, Any], is_apart: bool) -> dict[str, Any]:
    called = {key: record[key] for key in ("name", "version", "package_digest", "entry_point", "signature")}
    # Of an ensemble within this one: its script would look for the record of the package that it is.
    nested = {"ensemble": record["ensemble"]} if "ensemble" in record else {}
    # Its process looks for what the host provides by itself.
    provided = {"provided": record["provided"]} if is_apart and record.get("provided") else {}
    return {**called, **nested, **({"code": f"{MEMBERS_FOLDER}/{name}"} if is_apart else {}), **provided}
