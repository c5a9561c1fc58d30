"""What a change of signature means for callers, in the words of semantic versioning."""

import re
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Optional, Sequence

__all__ = ["LEVELS", "SignatureChange", "level_of", "released", "signature_changes"]

# From what callers need not notice to what breaks them; semver.org, "Semantic Versioning Specification".
LEVELS = ("none", "patch", "minor", "major")
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:[-+].*)?")


@dataclass(frozen=True)
class SignatureChange:
    """A tensor that differs. place: 'input "x"'. what: how. level: "major" where a request that was right is refused
    now, or a response lacks or has otherwise what a caller reads; "minor" where more is possible; else "patch"."""

    place: str
    what: str
    level: str

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object with all fields."""
        return {"place": self.place, "what": self.what, "level": self.level}


def signature_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[SignatureChange]:
    """Return the differences between two signatures, those of inputs first."""
    found = []
    for side in ("input", "output"):
        old, new = ({spec["name"]: spec for spec in value.get(f"{side}s") or ()} for value in (before, after))
        for name in [*old, *(name for name in new if name not in old)]:
            found += [
                SignatureChange(f'{side} "{name}"', what, level)
                for what, level in _differences(old.get(name), new.get(name), side)
            ]
    return found


def _differences(
    old: Optional[Mapping[str, Any]], new: Optional[Mapping[str, Any]], side: str
) -> Iterator[tuple[str, str]]:
    if old is None:
        # No input may be left out of a request (Open Inference Protocol v2), and callers pass over outputs.
        yield "is new", "major" if side == "input" else "minor"
        return
    if new is None:
        yield "is gone", "major"  # An input that the signature lacks is refused.
        return
    if old["datatype"] != new["datatype"]:
        yield f"has datatype {new['datatype']}, had {old['datatype']}", "major"
    if list(old["shape"]) != list(new["shape"]):
        yield f"has shape {list(new['shape'])}, had {list(old['shape'])}", _shape_level(
            old["shape"], new["shape"], side
        )


def _shape_level(old: Sequence[int], new: Sequence[int], side: str) -> str:
    """A request may have what `new` allows; a caller reads what `old` allows."""
    if side == "input":
        return "minor" if _allows(new, old) else "major"
    return "patch" if _allows(old, new) else "major"


def _allows(wide: Sequence[int], narrow: Sequence[int]) -> bool:
    """Whether each shape that `narrow` allows is one that `wide` allows."""
    return len(wide) == len(narrow) and all(size in (-1, other) for size, other in zip(wide, narrow))


def level_of(changes: Sequence[SignatureChange], has_changed: bool) -> str:
    """Return the level of a release with these changes of the signature; has_changed: of anything at all."""
    levels = [change.level for change in changes] + (["patch"] if has_changed else [])
    return max(levels, key=LEVELS.index, default="none")


def released(before: str, after: str) -> Optional[str]:
    """Return the level by which a version was raised; None where either is not MAJOR.MINOR.PATCH, or it was lowered.

    Below 1.0.0, where "anything may change", a raised minor number is taken as the level "major", as resolvers do.
    """
    one, other = (_VERSION.fullmatch(text) for text in (before, after))
    if one is None or other is None:
        return None
    old, new = (tuple(map(int, found.groups())) for found in (one, other))
    if new < old:
        return None
    if new == old:
        return "none" if before == after else "patch"
    level = "major" if new[0] > old[0] else "minor" if new[1] > old[1] else "patch"
    return "major" if level == "minor" and new[0] == 0 else level
