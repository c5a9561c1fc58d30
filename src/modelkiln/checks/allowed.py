"""What the target of a model artifact allows in its files, as it travels from target to check."""

from dataclasses import dataclass
from typing import Any, Mapping, Optional

__all__ = ["NOTHING", "Allowed"]


@dataclass(frozen=True)
class Allowed:
    """pickle: names that pickles may import, None where pickles are refused. code: entries of other code (see
    `code.names`)."""

    pickle: Optional[tuple[str, ...]] = None
    code: tuple[str, ...] = ()

    def to_json(self) -> dict[str, list[str]]:
        """Return what locks and recipes hold: nothing of what is not allowed."""
        pickle = {} if self.pickle is None else {"allow_pickle": sorted(self.pickle)}
        return {**pickle, **({"allow_code": sorted(self.code)} if self.code else {})}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Allowed":
        """Read what `to_json` returns, whatever else the object holds."""
        pickle = value.get("allow_pickle")
        return cls(None if pickle is None else tuple(map(str, pickle)), tuple(map(str, value.get("allow_code") or ())))

    def arguments(self) -> tuple[str, ...]:
        """Return the arguments of a build step, see `cli.allowed.add_allowed`."""
        pickles = () if self.pickle is None else ("--pickles", *(f"--allow-pickle={name}" for name in self.pickle))
        return (*pickles, *(f"--allow-code={one}" for one in self.code))


NOTHING = Allowed()
