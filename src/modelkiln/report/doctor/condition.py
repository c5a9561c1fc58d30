"""One thing about this machine, as `modelkiln doctor` says it."""

from dataclasses import dataclass
from typing import Any

__all__ = ["Condition"]


@dataclass(frozen=True)
class Condition:
    """state: "ok"; "none" where something that only some packages need is not there; "problem" where what is there
    does not work. what: for people, without secrets. remedy: "" where none is wanted."""

    subject: str
    state: str
    what: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object with all fields."""
        return {"subject": self.subject, "state": self.state, "what": self.what, "remedy": self.remedy}
