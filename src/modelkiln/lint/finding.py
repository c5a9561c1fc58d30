"""What a rule finds, and where."""

from dataclasses import dataclass, field
from typing import Any, Mapping

from modelkiln.lint.edit import Edit

__all__ = ["ERROR", "LIKELY", "SURE", "WARNING", "Finding"]

ERROR, WARNING = "error", "warning"
# Whether the rule knows, or takes it for likely.
SURE, LIKELY = "sure", "likely"


@dataclass(frozen=True, order=True)
class Finding:
    """path: of a file of code as the user knows it, of a file of the model artifacts ("models/weights.bin"), or ""
    for the package as a whole. line: from 1, 0 where it is not about a line; column: from 1, in characters. rule:
    its id. text: the source line, without its end; empty where `line` is 0. edits: of the file at `path`, what makes
    the finding go away, all of them together; none where that is not known for sure."""

    path: str
    line: int
    column: int
    rule: str
    message: str
    remedy: str
    severity: str = WARNING
    certainty: str = SURE
    text: str = ""
    edits: tuple[Edit, ...] = field(default=(), compare=False)

    @property
    def is_error(self) -> bool:
        """Whether it fails a run that does not ask for more."""
        return self.severity == ERROR

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that holds all fields."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**fields, "edits": [one.to_json() for one in self.edits]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Finding":
        """Read what `to_json` returned."""
        return cls(**{**value, "edits": tuple(map(Edit.from_json, value.get("edits") or ()))})
