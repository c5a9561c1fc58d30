"""The steps of an ensemble as BUILD files have them: those of Triton's ensemble scheduling."""

from dataclasses import dataclass
from typing import Any, Mapping

from modelkiln.errors import ModelkilnError

__all__ = ["Step", "read_steps"]

_FORM = '{"model_name": "score", "input_map": {"x": "embedding"}, "output_map": {"y": "score"}}'
_MAPS = ("input_map", "output_map")


@dataclass(frozen=True)
class Step:
    """One call of a member. The maps lead from the member's names of tensors to the ensemble's; pairs, in order."""

    model_name: str
    input_map: tuple[tuple[str, str], ...]
    output_map: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the object that the record has for it."""
        return {
            "model_name": self.model_name,
            "input_map": dict(self.input_map),
            "output_map": dict(self.output_map),
        }


def read_steps(value: Any, where: str) -> tuple[Step, ...]:
    """Return the steps of a field's value; raises ModelkilnError that names everything that is wrong with it."""
    if not isinstance(value, (list, tuple)) or not value:
        raise ModelkilnError(f"{where}: `steps` must be a list with at least one step, such as {_FORM}.")
    wrong = [f"step {number}: {sentence}" for number, step in enumerate(value, 1) for sentence in _wrong_step(step)]
    if wrong:
        raise ModelkilnError(f"{where}: {' '.join(wrong)} A step reads {_FORM}.")
    return tuple(
        Step(one["model_name"], *(tuple((str(key), name) for key, name in one[key_map].items()) for key_map in _MAPS))
        for one in value
    )


def _wrong_step(step: Any) -> list[str]:
    if not isinstance(step, Mapping):
        return [f"{step!r} is not a dictionary."]
    wrong = [f"{key!r} is not known." for key in step if key not in ("model_name", *_MAPS)]
    if not isinstance(step.get("model_name"), str):
        wrong.append(f'"model_name" is {step.get("model_name")!r}; name a member.')
    for key in _MAPS:
        value = step.get(key)
        if not isinstance(value, Mapping) or not all(isinstance(name, str) and name for name in value.values()):
            wrong.append(f"\"{key}\" is {value!r}; it must map the member's names of tensors to the ensemble's.")
    return wrong
