"""What sources state about models, taken over into packages where their targets do not say otherwise.

The normal form of facts is that of `sources.source.Listing`.
"""

import difflib
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from modelkiln.errors import ModelkilnError
from modelkiln.package.record import ANNOTATIONS

__all__ = ["Named", "example_of", "metadata_of", "near_misses", "signature_of"]

# Facts that become metadata of a package under the same name.
_METADATA = (
    "authors", "description", "family", "license", "lineage", "metrics", "params", "requirements", "tags", "task",
    "vendor",
)  # fmt: skip
# Keys with a meaning of their own; all others are the user's.
_KNOWN = sorted({*ANNOTATIONS, *_METADATA, "requires", "urls"})
# How alike two keys are, of 1, before one is taken for a slip of the other.
_ALIKE = 0.82

Named = Sequence[Tuple[str, Mapping[str, Any]]]


def signature_of(facts: Named, where: str) -> Mapping[str, Any]:
    """Return the signature that the artifacts of a package bring.

    facts: (address, facts) of each artifact. Raises ModelkilnError when none or several of them
    have one that differs; then the target has to say it.
    """
    return _only("signature", facts, where, "Write one to a JSON file and name it in the field `signature`.")


def example_of(facts: Named, where: str) -> Mapping[str, Any]:
    """Return the request that the artifacts of a package bring; see `signature_of`."""
    return _only("input_example", facts, where, "Write one to a JSON file and name it in the field `request`.")


def metadata_of(facts: Named, own: Mapping[str, Any]) -> Dict[str, Any]:
    """Return a package's metadata: what its target says, and below it what its artifacts bring.

    A target's key replaces a fact as a whole. Of a fact that several artifacts state in different
    ways none is taken, since it is of a part and not of the package.
    """
    found: Dict[str, Any] = {}
    for name in _METADATA:
        values = [stated[name] for _, stated in facts if stated.get(name)]
        if values and all(value == values[0] for value in values):
            # Annotations of images are texts.
            found[name] = ", ".join(values[0]) if name == "authors" and isinstance(values[0], list) else values[0]
    return {**found, **own}


def _only(name: str, facts: Named, where: str, remedy: str) -> Mapping[str, Any]:
    stated = [(address, one[name]) for address, one in facts if one.get(name)]
    what = name.replace("_", " ")
    if not stated:
        hints = [f"{address}: {hint}" for address, one in facts for hint in one.get("not_taken") or ()]
        why = f" ({'; '.join(hints)})" if hints else ""
        raise ModelkilnError(f"{where}: has no {what}, and none of its artifacts brings one{why}. {remedy}")
    first: Optional[Any] = stated[0][1]
    others = [address for address, value in stated if value != first]
    if others:
        raise ModelkilnError(f"{where}: {stated[0][0]} and {others[0]} bring different {what}s. {remedy}")
    return stated[0][1]


def near_misses(own: Mapping[str, Any]) -> List[Tuple[str, str]]:
    """Return the keys of a target's metadata that are nearly one with a meaning of its own, each with that one."""
    found = []
    for key in sorted(set(own) - set(_KNOWN)):
        meant = difflib.get_close_matches(key.lower(), _KNOWN, 1, _ALIKE)
        found += [(key, meant[0])] if meant and meant[0] not in own else []
    return found
